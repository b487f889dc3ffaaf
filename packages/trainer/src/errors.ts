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

/** A run would need more memory than there is. Nothing has been started. */
export class InsufficientMemoryError extends Error {
  readonly [memoryMarker] = true;
  /** Bytes that the run may add to the process. */
  readonly available: number;
  /** Bytes that it would add in each mode that came into question. */
  readonly needed: Readonly<Record<string, number>>;

  constructor(available: number, estimates: readonly { readonly mode: string; readonly total: number }[]) {
    const listed = estimates.map(({ mode, total }) => `${gigabytes(total)} in mode '${mode}'`);
    super(
      `the run would need ${listed.join(', ')}; there are ${gigabytes(Math.max(0, available))}. Use shorter or fewer ` +
        'examples a batch (with gradient accumulation the step stays the same), a model loaded in int8, or more memory.',
    );
    this.name = 'InsufficientMemoryError';
    this.available = available;
    this.needed = Object.fromEntries(estimates.map(({ mode, total }) => [mode, total]));
  }

  static isInstance(error: unknown): error is InsufficientMemoryError {
    return typeof error === 'object' && error !== null && memoryMarker in error;
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
