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

const moduleMarker = Symbol.for('safetune.RegularizerModuleError');

/** A module of a regularizer that cannot be read or run, does not export what makes one, or has changed. */
export class RegularizerModuleError extends Error {
  readonly [moduleMarker] = true;
  /** Its path, as it was given. */
  readonly file: string;

  constructor(file: string, message: string, options?: ErrorOptions) {
    super(`${file}: ${message}`, options);
    this.name = 'RegularizerModuleError';
    this.file = file;
  }

  static isInstance(error: unknown): error is RegularizerModuleError {
    return typeof error === 'object' && error !== null && moduleMarker in error;
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

const directionMarker = Symbol.for('safetune.SafetyDirectionError');

/**
 * What is wrong with the two checkpoints whose difference SafeLoRA projects onto.
 *
 * - `missing`: a checkpoint has no weight of an adapted layer;
 * - `shape`: the weight has another shape than the adapted layer;
 * - `dtype`: the weight is not stored as floats;
 * - `not-finite`: it holds NaN or infinite values;
 * - `identical`: the two checkpoints are equal in every adapted layer, so there is no direction.
 */
export type SafetyDirectionProblem = 'missing' | 'shape' | 'dtype' | 'not-finite' | 'identical';

/** A base or aligned checkpoint that does not fit the adapter to project. The adapter is left as it was. */
export class SafetyDirectionError extends Error {
  readonly [directionMarker] = true;
  readonly problem: SafetyDirectionProblem;
  /** The adapted layer, such as `model.layers.0.self_attn.q_proj`. */
  readonly module: string;
  /** The checkpoint's folder, or its file that holds the layer. */
  readonly file: string;

  constructor(problem: SafetyDirectionProblem, module: string, file: string, message: string) {
    super(`${file}: ${module}: ${message}`);
    this.name = 'SafetyDirectionError';
    this.problem = problem;
    this.module = module;
    this.file = file;
  }

  static isInstance(error: unknown): error is SafetyDirectionError {
    return typeof error === 'object' && error !== null && directionMarker in error;
  }
}

const subspaceMarker = Symbol.for('safetune.SafetySubspaceError');

/** A safety subspace that does not fit the adapter, is damaged, or cannot be made of the outputs it was to be made of. */
export class SafetySubspaceError extends Error {
  readonly [subspaceMarker] = true;
  /** The file, or 'outputs' while one is made. */
  readonly source: string;
  /** The layer at fault; undefined when the whole file is. */
  readonly module: string | undefined;

  constructor(source: string, module: string | undefined, message: string) {
    super(`${source}: ${module === undefined ? '' : `${module}: `}${message}`);
    this.name = 'SafetySubspaceError';
    this.source = source;
    this.module = module;
  }

  static isInstance(error: unknown): error is SafetySubspaceError {
    return typeof error === 'object' && error !== null && subspaceMarker in error;
  }
}

const deltaMarker = Symbol.for('safetune.SafeDeltaError');

/** Weights, or what goes into them, that Safe Delta cannot work with: of other shapes, not finite, or the same before and after. */
export class SafeDeltaError extends Error {
  readonly [deltaMarker] = true;
  /** The layer, such as `model.layers.0.self_attn.q_proj`. */
  readonly module: string;

  constructor(module: string, message: string) {
    super(`${module}: ${message}`);
    this.name = 'SafeDeltaError';
    this.module = module;
  }

  static isInstance(error: unknown): error is SafeDeltaError {
    return typeof error === 'object' && error !== null && deltaMarker in error;
  }
}

const scoreFileMarker = Symbol.for('safetune.ScoreFileError');

/** A file of cached answer losses that is damaged in its middle, or cannot be read or written. */
export class ScoreFileError extends Error {
  readonly [scoreFileMarker] = true;
  readonly file: string;

  constructor(file: string, message: string, options?: ErrorOptions) {
    super(`${file}: ${message}`, options);
    this.name = 'ScoreFileError';
    this.file = file;
  }

  static isInstance(error: unknown): error is ScoreFileError {
    return typeof error === 'object' && error !== null && scoreFileMarker in error;
  }
}

const answerLossMarker = Symbol.for('safetune.AnswerLossError');

/** A loss of an answer that cannot be scored with: missing, negative, NaN or infinite. */
export class AnswerLossError extends Error {
  readonly [answerLossMarker] = true;
  /** Which model gave it: 'aligned', 'misaligned 0', or the id of a cached model. */
  readonly model: string;

  constructor(model: string, message: string) {
    super(`${model}: ${message}`);
    this.name = 'AnswerLossError';
    this.model = model;
  }

  static isInstance(error: unknown): error is AnswerLossError {
    return typeof error === 'object' && error !== null && answerLossMarker in error;
  }
}

const vectorMarker = Symbol.for('safetune.PersonaVectorError');

/** A persona vector that is missing, of the wrong width, not finite, or a file that holds none. */
export class PersonaVectorError extends Error {
  readonly [vectorMarker] = true;
  /** The file, or 'persona vector' when it came from code. */
  readonly source: string;
  /** The layer at fault; undefined when the whole file is. */
  readonly layer: number | undefined;

  constructor(source: string, layer: number | undefined, message: string, options?: ErrorOptions) {
    super(`${source}: ${layer === undefined ? '' : `layer ${layer}: `}${message}`, options);
    this.name = 'PersonaVectorError';
    this.source = source;
    this.layer = layer;
  }

  static isInstance(error: unknown): error is PersonaVectorError {
    return typeof error === 'object' && error !== null && vectorMarker in error;
  }
}

const directionsMarker = Symbol.for('safetune.DirectionsError');

/** Directions of the residual stream that are missing, of another width, not finite, or a file that holds none. */
export class DirectionsError extends Error {
  readonly [directionsMarker] = true;
  /** The file, or 'directions' when they came from code. */
  readonly source: string;
  /** The layer at fault; undefined when the whole file is. */
  readonly layer: number | undefined;

  constructor(source: string, layer: number | undefined, message: string, options?: ErrorOptions) {
    super(`${source}: ${layer === undefined ? '' : `layer ${layer}: `}${message}`, options);
    this.name = 'DirectionsError';
    this.source = source;
    this.layer = layer;
  }

  static isInstance(error: unknown): error is DirectionsError {
    return typeof error === 'object' && error !== null && directionsMarker in error;
  }
}

const fisherMarker = Symbol.for('safetune.FisherError');

/** A Fisher diagonal that does not fit what is trained: a weight is missing or of another shape or type, or a value is none. */
export class FisherError extends Error {
  readonly [fisherMarker] = true;
  /** The file. */
  readonly file: string;
  /** The weight at fault, such as `model.layers.0.self_attn.q_proj.weight`. */
  readonly weight: string;

  constructor(file: string, weight: string, message: string) {
    super(`${file}: ${weight}: ${message}`);
    this.name = 'FisherError';
    this.file = file;
    this.weight = weight;
  }

  static isInstance(error: unknown): error is FisherError {
    return typeof error === 'object' && error !== null && fisherMarker in error;
  }
}
