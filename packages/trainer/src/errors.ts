import type { Precision } from '@safetune/models';
import type { MemoryMode } from './memory/memory-mode.ts';

const lossMarker = Symbol.for('safetune.NonFiniteLossError');

/** The loss, or the gradient, became NaN or infinite. The parameters keep their values from before that step. */
export class NonFiniteLossError extends Error {
  readonly [lossMarker] = true;
  /** The optimizer step that failed, counted from 1. */
  readonly step: number;
  /** Value of every loss term in that step. */
  readonly terms: Readonly<Record<string, number>>;
  /** The values that are NaN or infinite already in what the run was started with, when it failed at once because of these. */
  readonly source: string | null;

  constructor(
    step: number,
    terms: Readonly<Record<string, number>>,
    { isFirst = false, source = null }: { readonly isFirst?: boolean; readonly source?: string | null } = {},
  ) {
    const listed = Object.entries(terms).map(([name, value]) => `${name} ${value}`);
    super(
      `step ${step}: the loss is not finite (${listed.join(', ')}). ${lossAdvice(step, isFirst, source)}`,
    );
    this.name = 'NonFiniteLossError';
    this.step = step;
    this.terms = terms;
    this.source = source;
  }

  static isInstance(error: unknown): error is NonFiniteLossError {
    return typeof error === 'object' && error !== null && lossMarker in error;
  }
}

function lossAdvice(step: number, isFirst: boolean, source: string | null): string {
  if (source !== null) {
    return `NaN or infinite values are in ${source}, from before this run: use a copy that is whole.`;
  }
  if (isFirst) {
    return (
      'It is the first step of this run, whose learning rate had no part in it yet; the model and what is trained are ' +
      'finite: look at the examples of this step, the weights of the regularizers, and the precision.'
    );
  }
  return (
    `The parameters of step ${step - 1} are kept. ` +
    'Try a smaller learning rate, a longer warm-up or a lower gradient-norm limit.'
  );
}

const stateMarker = Symbol.for('safetune.NonFiniteStateError');

/** A step left NaN or infinite values in what is trained or in the optimizer. Nothing of them was saved. */
export class NonFiniteStateError extends Error {
  readonly [stateMarker] = true;
  /** Optimizer steps done. */
  readonly step: number;
  /** 'parameters', or one of AdamW's moments: 'mean', 'square'. */
  readonly buffer: string;

  constructor(step: number, buffer: string, index: number, value: number) {
    super(
      `after step ${step} '${buffer}' holds ${value} (at ${index}): the run has diverged, and this state is not saved. ` +
        'Try a smaller learning rate, a longer warm-up or a lower gradient-norm limit.',
    );
    this.name = 'NonFiniteStateError';
    this.step = step;
    this.buffer = buffer;
  }

  static isInstance(error: unknown): error is NonFiniteStateError {
    return typeof error === 'object' && error !== null && stateMarker in error;
  }
}

const optionMarker = Symbol.for('safetune.TrainOptionError');

/** A training option that has no meaning: a negative learning rate, two regularizers of one name. */
export class TrainOptionError extends Error {
  readonly [optionMarker] = true;
  readonly option: string;

  constructor(option: string, message: string) {
    super(`${option}: ${message}`);
    this.name = 'TrainOptionError';
    this.option = option;
  }

  static isInstance(error: unknown): error is TrainOptionError {
    return typeof error === 'object' && error !== null && optionMarker in error;
  }
}

const checkpointMarker = Symbol.for('safetune.TrainingCheckpointError');

/** A training checkpoint that cannot be continued: damaged, or of a run of something else. */
export class TrainingCheckpointError extends Error {
  readonly [checkpointMarker] = true;
  readonly file: string;
  /** What has changed since it was saved, by name; empty when the file is damaged. */
  readonly differences: readonly string[];

  constructor(
    file: string,
    message: string,
    { differences = [], ...options }: ErrorOptions & { readonly differences?: readonly string[] } = {},
  ) {
    super(`${file}: ${message}`, options);
    this.name = 'TrainingCheckpointError';
    this.file = file;
    this.differences = differences;
  }

  static isInstance(error: unknown): error is TrainingCheckpointError {
    return typeof error === 'object' && error !== null && checkpointMarker in error;
  }
}

const directoryMarker = Symbol.for('safetune.RunDirectoryError');

/** Why a folder cannot be trained into: another run has it, or it holds a finished adapter. */
export type RunDirectoryProblem = 'in-use' | 'finished';

/** A folder that a run must not be started in. Nothing in it was touched. */
export class RunDirectoryError extends Error {
  readonly [directoryMarker] = true;
  readonly directory: string;
  readonly problem: RunDirectoryProblem;

  constructor(directory: string, problem: RunDirectoryProblem, message: string) {
    super(`${directory} ${message}`);
    this.name = 'RunDirectoryError';
    this.directory = directory;
    this.problem = problem;
  }

  static isInstance(error: unknown): error is RunDirectoryError {
    return typeof error === 'object' && error !== null && directoryMarker in error;
  }
}

const sentinelMarker = Symbol.for('safetune.SentinelError');

/** The sentinel cannot judge a run: a probe measured no number, or the run was out of bounds before it began. */
export class SentinelError extends Error {
  readonly [sentinelMarker] = true;
  /** Steps done. */
  readonly step: number;

  constructor(step: number, message: string) {
    super(
      step === 0
        ? `sentinel: ${message}. Nothing was trained: look at the probe, its bounds and the model.`
        : `sentinel, after step ${step}: ${message}.`,
    );
    this.name = 'SentinelError';
    this.step = step;
  }

  static isInstance(error: unknown): error is SentinelError {
    return typeof error === 'object' && error !== null && sentinelMarker in error;
  }
}

const sentinelFileMarker = Symbol.for('safetune.SentinelFileError');

/** A file of pairs, rules or prompts that the sentinel cannot use. */
export class SentinelFileError extends Error {
  readonly [sentinelFileMarker] = true;
  readonly file: string;
  /** Counted from 1; undefined when it is about the whole file. */
  readonly line: number | undefined;

  constructor(file: string, line: number | undefined, message: string, options?: ErrorOptions) {
    super(`${file}${line === undefined ? '' : `:${line}`} ${message}`, options);
    this.name = 'SentinelFileError';
    this.file = file;
    this.line = line;
  }

  static isInstance(error: unknown): error is SentinelFileError {
    return typeof error === 'object' && error !== null && sentinelFileMarker in error;
  }
}

const memoryMarker = Symbol.for('safetune.InsufficientMemoryError');

/** What {@link InsufficientMemoryError.ofModes} tells of. */
export interface MemoryShortage {
  /** Bytes that the run may add to the process. */
  readonly available: number;
  /** The modes that came into question; none of them fits. */
  readonly estimates: readonly ModeTotal[];
  /** Further modes, when one was asked for. */
  readonly others: readonly ModeTotal[];
  /** How the model's weights are held. */
  readonly precision: Precision;
  /** False when the model's own weights are trained, which only float32 ones can be. */
  readonly trainsAdapter: boolean;
}

interface ModeTotal {
  readonly mode: MemoryMode;
  /** Bytes. */
  readonly total: number;
}

/** A run would need more memory than there is. Nothing has been started. */
export class InsufficientMemoryError extends Error {
  readonly [memoryMarker] = true;
  /** Bytes that the run may add to the process. */
  readonly available: number;
  /** Bytes that it would add in each mode that came into question; of all weights in `values`, `gradients` and `moments`. */
  readonly needed: Readonly<Record<string, number>>;
  /** The fastest mode that would fit in the place of the one asked for; null when none does. */
  readonly fitting: MemoryMode | null;

  constructor(
    message: string,
    available: number,
    needed: Readonly<Record<string, number>>,
    fitting: MemoryMode | null = null,
  ) {
    super(message);
    this.name = 'InsufficientMemoryError';
    this.available = available;
    this.needed = needed;
    this.fitting = fitting;
  }

  /** No mode fits of those that came into question. */
  static ofModes(shortage: MemoryShortage): InsufficientMemoryError {
    const { available, estimates, others } = shortage;
    const listed = estimates.map(({ mode, total }) => `${gigabytes(total)} in mode '${mode}'`);
    const fitting = others.find(({ total }) => total <= available);
    return new InsufficientMemoryError(
      `the run would need ${listed.join(', ')}; there are ${gigabytes(Math.max(0, available))}. ` +
        `${otherModes(others, fitting)}${fitting === undefined ? 'Use' : 'Or use'} ${savings(shortage).join(', ')} ` +
        'or more memory.',
      available,
      Object.fromEntries(estimates.map(({ mode, total }) => [mode, total])),
      fitting?.mode ?? null,
    );
  }

  /** What training all weights takes in every mode does not fit; `needed` are the bytes of its parts. */
  static ofAllWeights(
    available: number,
    needed: Readonly<Record<'values' | 'gradients' | 'moments', number>>,
  ): InsufficientMemoryError {
    const { values, gradients, moments } = needed;
    return new InsufficientMemoryError(
      `training all weights would need ${gigabytes(values + gradients + moments)}: ${gigabytes(values)} for their ` +
        `values, ${gigabytes(gradients)} for gradients and ${gigabytes(moments)} for AdamW's two moments; there are ` +
        `${gigabytes(Math.max(0, available))}. Train an adapter (trainAdapter) or a smaller model, or use more memory.`,
      available,
      needed,
    );
  }

  static isInstance(error: unknown): error is InsufficientMemoryError {
    return typeof error === 'object' && error !== null && memoryMarker in error;
  }
}

function otherModes(others: readonly ModeTotal[], fitting: ModeTotal | undefined): string {
  if (others.length === 0) return '';
  if (fitting === undefined) return 'No other mode fits either. ';
  return `Mode '${fitting.mode}' would fit, with ${gigabytes(fitting.total)}: ask for it or for 'auto'. `;
}

function savings({ precision, trainsAdapter }: MemoryShortage): string[] {
  return [
    'shorter or fewer examples a batch (with gradient accumulation the step stays the same)',
    ...(trainsAdapter ? [] : ['an adapter in the place of all weights']),
    ...(trainsAdapter && precision !== 'int8' ? [`the model in int8 instead of ${precision}`] : []),
  ];
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
