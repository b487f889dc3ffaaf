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

  constructor(step: number, terms: Readonly<Record<string, number>>) {
    const listed = Object.entries(terms).map(([name, value]) => `${name} ${value}`);
    super(
      `step ${step}: the loss is not finite (${listed.join(', ')}). The parameters of step ${step - 1} are kept. ` +
        'Try a smaller learning rate, a longer warm-up or a lower gradient-norm limit.',
    );
    this.name = 'NonFiniteLossError';
    this.step = step;
    this.terms = terms;
  }

  static isInstance(error: unknown): error is NonFiniteLossError {
    return typeof error === 'object' && error !== null && lossMarker in error;
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

/** A training checkpoint that cannot be continued: damaged, or of a run with other settings. */
export class TrainingCheckpointError extends Error {
  readonly [checkpointMarker] = true;
  readonly file: string;

  constructor(file: string, message: string, options?: ErrorOptions) {
    super(`${file}: ${message}`, options);
    this.name = 'TrainingCheckpointError';
    this.file = file;
  }

  static isInstance(error: unknown): error is TrainingCheckpointError {
    return typeof error === 'object' && error !== null && checkpointMarker in error;
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
