const optionMarker = Symbol.for('safetune.RegularizerOptionError');

/** An option of a regularizer that has no meaning: a negative weight, a layer that does not exist, an unknown type. */
export class RegularizerOptionError extends Error {
  readonly [optionMarker] = true;
  /** The regularizer, or the option group, that refused. */
  readonly regularizer: string;

  constructor(regularizer: string, message: string, options?: ErrorOptions) {
    super(`${regularizer}: ${message}`, options);
    this.name = 'RegularizerOptionError';
    this.regularizer = regularizer;
  }

  static isInstance(error: unknown): error is RegularizerOptionError {
    return typeof error === 'object' && error !== null && optionMarker in error;
  }
}

const needMarker = Symbol.for('safetune.MissingNeedError');

/** A penalty read something that it had not declared in its needs, or that the trainer did not compute. */
export class MissingNeedError extends Error {
  readonly [needMarker] = true;
  readonly regularizer: string;
  /** The field of {@link RegularizerNeeds} to declare. */
  readonly need: string;

  constructor(regularizer: string, need: string) {
    super(`${regularizer} uses ${need}, which was not computed: declare it in the regularizer's needs`);
    this.name = 'MissingNeedError';
    this.regularizer = regularizer;
    this.need = need;
  }

  static isInstance(error: unknown): error is MissingNeedError {
    return typeof error === 'object' && error !== null && needMarker in error;
  }
}

const inputMarker = Symbol.for('safetune.PenaltyInputError');

/** An array given to a compiled penalty that is missing or that it cannot use. */
export class PenaltyInputError extends Error {
  readonly [inputMarker] = true;
  readonly regularizer: string;
  /** Name of the array, such as `logits` or `hiddenStates.3`. */
  readonly input: string;

  constructor(regularizer: string, input: string, message: string) {
    super(`${regularizer}: ${input} ${message}`);
    this.name = 'PenaltyInputError';
    this.regularizer = regularizer;
    this.input = input;
  }

  static isInstance(error: unknown): error is PenaltyInputError {
    return typeof error === 'object' && error !== null && inputMarker in error;
  }
}
