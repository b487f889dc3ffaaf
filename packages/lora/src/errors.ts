import { nearestName, printable, printableMessage, someNames } from '@safetune/tensor';

/**
 * Errors of `@safetune/lora`. Each class carries a marker, so that `X.isInstance(error)` also holds when two copies of
 * this package are installed, and the facts of the failure as readonly fields.
 */
function carries(error: unknown, marker: symbol): boolean {
  return typeof error === 'object' && error !== null && marker in error;
}

/** As {@link someNames}, each in quotes. */
function someQuoted(names: readonly string[]): string {
  return someNames(names.map((name) => `'${printable(name)}'`));
}

/** Ends of layers' names that are meant by misspelt ones, for a message. */
function nearMisses(patterns: readonly string[], layerNames: readonly string[]): string {
  const ends = [...new Set(layerNames.slice(0, 4096).map((name) => name.split('.').at(-1)!))];
  const near = patterns.slice(0, 8).flatMap((pattern) => nearestName(pattern.split('.').at(-1)!, ends) ?? []);
  return near.length === 0 ? '' : ` (did you mean ${someQuoted([...new Set(near)])}?)`;
}

const configMarker = Symbol.for('safetune.LoraConfigError');

/** A LoRA configuration with a field that is missing, of the wrong type, or at odds with another one. */
export class LoraConfigError extends Error {
  readonly [configMarker] = true;
  /** PEFT's name of the field, such as `lora_alpha`. */
  readonly field: string;
  /** File the configuration was read from; undefined when it came from code. */
  readonly file: string | undefined;

  constructor(field: string, message: string, file?: string) {
    super(printableMessage(`${file === undefined ? '' : `${file}: `}${printable(field)} ${message}`));
    this.name = 'LoraConfigError';
    this.field = field;
    this.file = file;
  }

  static isInstance(error: unknown): error is LoraConfigError {
    return carries(error, configMarker);
  }
}

const unsupportedMarker = Symbol.for('safetune.UnsupportedLoraFeatureError');

/** A feature of PEFT that would change what the adapter computes, and that this package does not have. */
export class UnsupportedLoraFeatureError extends Error {
  readonly [unsupportedMarker] = true;
  /** PEFT's name of the field, such as `use_dora`. */
  readonly field: string;
  readonly value: unknown;
  /** File the configuration was read from; undefined when it came from code. */
  readonly file: string | undefined;

  constructor(field: string, value: unknown, advice: string, file?: string) {
    const found = printable(JSON.stringify(value) ?? 'undefined');
    super(
      printableMessage(
        `${file === undefined ? '' : `${file}: `}${printable(field)} = ${found} is not supported: ${advice}`,
      ),
    );
    this.name = 'UnsupportedLoraFeatureError';
    this.field = field;
    this.value = value;
    this.file = file;
  }

  static isInstance(error: unknown): error is UnsupportedLoraFeatureError {
    return carries(error, unsupportedMarker);
  }
}

const noTargetMarker = Symbol.for('safetune.NoTargetModulesError');

/** A configuration that adapts not a single linear layer of the model. */
export class NoTargetModulesError extends Error {
  readonly [noTargetMarker] = true;
  /** The `target_modules` that were looked for. */
  readonly patterns: readonly string[];
  /** Names of the model's linear layers, all of them. */
  readonly layerNames: readonly string[];

  constructor(patterns: readonly string[], layerNames: readonly string[], reason: string) {
    super(
      printableMessage(
        `target_modules ${someQuoted(patterns)} adapt nothing: ${reason}${nearMisses(patterns, layerNames)}; ` +
          `the model has ${layerNames.length} linear layers: ${someNames(layerNames)}`,
      ),
    );
    this.name = 'NoTargetModulesError';
    this.patterns = patterns;
    this.layerNames = layerNames;
  }

  static isInstance(error: unknown): error is NoTargetModulesError {
    return carries(error, noTargetMarker);
  }
}

const unmatchedMarker = Symbol.for('safetune.UnmatchedPatternError');

/** Entries of a configuration that fit no layer while others do: a typing error, or a name of another architecture. */
export class UnmatchedPatternError extends Error {
  readonly [unmatchedMarker] = true;
  /** PEFT's name of the field the entries stand in, such as `target_modules` or `rank_pattern`. */
  readonly field: string;
  readonly patterns: readonly string[];
  /** Names of the layers that were searched. */
  readonly layerNames: readonly string[];

  constructor(field: string, patterns: readonly string[], layerNames: readonly string[]) {
    super(
      printableMessage(
        `${field}: ${someQuoted(patterns)} match no layer${nearMisses(patterns, layerNames)}; remove or correct them. ` +
          `The ${layerNames.length} layers searched: ${someNames(layerNames)}`,
      ),
    );
    this.name = 'UnmatchedPatternError';
    this.field = field;
    this.patterns = patterns;
    this.layerNames = layerNames;
  }

  static isInstance(error: unknown): error is UnmatchedPatternError {
    return carries(error, unmatchedMarker);
  }
}

const fileMarker = Symbol.for('safetune.AdapterFileError');

/**
 * What is wrong with an adapter's files.
 *
 * - `missing`: one of the two files is not there;
 * - `refused`: it is no regular file, or a link out of the adapter's folder;
 * - `json`: adapter_config.json is not a JSON object, or too large a one;
 * - `missing-tensor`: the configuration asks for a tensor that the file lacks;
 * - `unexpected-tensor`: a tensor that is no factor of a module the configuration adapts;
 * - `unknown-module`: factors of a module that the model does not have;
 * - `duplicate-tensor`: two tensors for one factor of one module, as when two adapters were saved in one file;
 * - `shape`: a factor does not fit the rank or the model's layer;
 * - `dtype`: a factor is not stored as F32, F16 or BF16;
 * - `not-finite`: a factor holds NaN or infinities.
 */
export type AdapterFileProblem =
  | 'missing'
  | 'refused'
  | 'json'
  | 'missing-tensor'
  | 'unexpected-tensor'
  | 'unknown-module'
  | 'duplicate-tensor'
  | 'shape'
  | 'dtype'
  | 'not-finite';

/** Adapter files that are absent, damaged, or do not fit the model they are loaded for. */
export class AdapterFileError extends Error {
  readonly [fileMarker] = true;
  readonly file: string;
  readonly problem: AdapterFileProblem;
  /** Names of the tensors or modules at fault; empty when the whole file is. */
  readonly names: readonly string[];

  constructor(
    problem: AdapterFileProblem,
    file: string,
    names: readonly string[],
    message: string,
    options?: ErrorOptions,
  ) {
    super(printableMessage(`${file}: ${message}${names.length > 0 ? `: ${someNames(names)}` : ''}`), options);
    this.name = 'AdapterFileError';
    this.problem = problem;
    this.file = file;
    this.names = names;
  }

  static isInstance(error: unknown): error is AdapterFileError {
    return carries(error, fileMarker);
  }
}

const mismatchMarker = Symbol.for('safetune.AdapterMismatchError');

/** A module of an adapter that does not fit the weights or the traced tensors it meets. */
export class AdapterMismatchError extends Error {
  readonly [mismatchMarker] = true;
  /** Name of the module, such as `model.layers.0.self_attn.q_proj`. */
  readonly module: string;

  constructor(module: string, message: string) {
    super(printableMessage(`module '${printable(module)}': ${message}`));
    this.name = 'AdapterMismatchError';
    this.module = module;
  }

  static isInstance(error: unknown): error is AdapterMismatchError {
    return carries(error, mismatchMarker);
  }
}

const mergeMarker = Symbol.for('safetune.MergeTargetError');

/** A folder that a merged, or otherwise rewritten, checkpoint cannot go to. */
export class MergeTargetError extends Error {
  readonly [mergeMarker] = true;
  readonly directory: string;

  constructor(directory: string, message: string) {
    super(printableMessage(`${directory}: ${message}`));
    this.name = 'MergeTargetError';
    this.directory = directory;
  }

  static isInstance(error: unknown): error is MergeTargetError {
    return carries(error, mergeMarker);
  }
}

const combineMarker = Symbol.for('safetune.CombineAdaptersError');

/** Adapters that cannot be combined, or not in the way that was asked for. */
export class CombineAdaptersError extends Error {
  readonly [combineMarker] = true;

  constructor(message: string) {
    super(printableMessage(message));
    this.name = 'CombineAdaptersError';
  }

  static isInstance(error: unknown): error is CombineAdaptersError {
    return carries(error, combineMarker);
  }
}
