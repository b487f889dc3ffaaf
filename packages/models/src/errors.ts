import { printable, printableMessage, someNames } from '@safetune/tensor';

/**
 * Errors of `@safetune/models`. Each class carries a marker, so that `X.isInstance(error)` also holds when two
 * copies of this package are installed, and the facts of the failure as readonly fields.
 */
function carries(error: unknown, marker: symbol): boolean {
  return typeof error === 'object' && error !== null && marker in error;
}

const fileMarker = Symbol.for('safetune.ModelFileError');

/** A file of a model folder that is missing, unreadable, not JSON, or not what its name promises. */
export class ModelFileError extends Error {
  readonly [fileMarker] = true;
  readonly file: string;

  constructor(file: string, message: string, options?: ErrorOptions) {
    super(printableMessage(`${file}: ${message}`), options);
    this.name = 'ModelFileError';
    this.file = file;
  }

  static isInstance(error: unknown): error is ModelFileError {
    return carries(error, fileMarker);
  }
}

const unsupportedModelMarker = Symbol.for('safetune.UnsupportedModelError');

/** A `model_type` that no family of this package implements. */
export class UnsupportedModelError extends Error {
  readonly [unsupportedModelMarker] = true;
  readonly file: string;
  /** The `model_type` of config.json; undefined when it has none. */
  readonly modelType: string | undefined;
  /** The types that are supported. */
  readonly supported: readonly string[];

  constructor(file: string, modelType: string | undefined, supported: readonly string[]) {
    const found =
      modelType === undefined ? 'has no model_type' : `model_type '${printable(modelType)}' is not supported`;
    super(printableMessage(`${file}: ${found}; supported are ${supported.join(', ')}`));
    this.name = 'UnsupportedModelError';
    this.file = file;
    this.modelType = modelType;
    this.supported = supported;
  }

  static isInstance(error: unknown): error is UnsupportedModelError {
    return carries(error, unsupportedModelMarker);
  }
}

const familyMarker = Symbol.for('safetune.FamilyError');

/** A family that cannot be registered. */
export class FamilyError extends Error {
  readonly [familyMarker] = true;
  readonly modelType: string;

  constructor(modelType: string, message: string) {
    super(`family '${modelType}': ${message}`);
    this.name = 'FamilyError';
    this.modelType = modelType;
  }

  static isInstance(error: unknown): error is FamilyError {
    return carries(error, familyMarker);
  }
}

const unsupportedFeatureMarker = Symbol.for('safetune.UnsupportedFeatureError');

/** A setting of a supported family that would change the result and is not implemented. */
export class UnsupportedFeatureError extends Error {
  readonly [unsupportedFeatureMarker] = true;
  readonly file: string;
  /** The setting's key in config.json, e.g. `rope_parameters.rope_type`. */
  readonly setting: string;
  readonly value: unknown;

  /** @param supported what would be accepted, in words. */
  constructor(file: string, setting: string, value: unknown, supported: string) {
    const found = printable(JSON.stringify(value) ?? 'undefined');
    super(
      printableMessage(`${file}: ${setting} is ${found}, which is not supported; supported: ${supported}`),
    );
    this.name = 'UnsupportedFeatureError';
    this.file = file;
    this.setting = setting;
    this.value = value;
  }

  static isInstance(error: unknown): error is UnsupportedFeatureError {
    return carries(error, unsupportedFeatureMarker);
  }
}

const mismatchMarker = Symbol.for('safetune.CheckpointMismatchError');

/** Tensors of a checkpoint that are not those its config.json describes. */
export interface CheckpointMismatch {
  /** Needed, not there. */
  readonly missing: readonly string[];
  /** There, not needed. */
  readonly unexpected: readonly string[];
  readonly misshapen: readonly {
    readonly name: string;
    readonly expected: readonly number[];
    readonly actual: readonly number[];
  }[];
  /** Stored in a type that is not a float of 16 or 32 bits. */
  readonly unusable: readonly { readonly name: string; readonly dtype: string }[];
}

/** A checkpoint whose tensors are not those that its config.json describes. The fields list all of them. */
export class CheckpointMismatchError extends Error implements CheckpointMismatch {
  readonly [mismatchMarker] = true;
  readonly directory: string;
  readonly missing: CheckpointMismatch['missing'];
  readonly unexpected: CheckpointMismatch['unexpected'];
  readonly misshapen: CheckpointMismatch['misshapen'];
  readonly unusable: CheckpointMismatch['unusable'];

  constructor(directory: string, { missing, unexpected, misshapen, unusable }: CheckpointMismatch) {
    const parts: string[] = [];
    const part = (title: string, entries: readonly string[]) => {
      if (entries.length > 0) parts.push(`${entries.length} ${title}: ${someNames(entries)}`);
    };
    part('missing', missing);
    part('unexpected', unexpected);
    part(
      'of another shape',
      misshapen.map(
        ({ name, expected, actual }) => `${name} [${actual.join(', ')}] instead of [${expected.join(', ')}]`,
      ),
    );
    part(
      'of an unusable type',
      unusable.map(({ name, dtype }) => `${name} ${dtype}`),
    );
    super(
      printableMessage(`${directory}: the tensors are not those config.json describes; ${parts.join('; ')}`),
    );
    this.name = 'CheckpointMismatchError';
    this.directory = directory;
    this.missing = missing;
    this.unexpected = unexpected;
    this.misshapen = misshapen;
    this.unusable = unusable;
  }

  static isInstance(error: unknown): error is CheckpointMismatchError {
    return carries(error, mismatchMarker);
  }
}

const unusableModelMarker = Symbol.for('safetune.UnusableModelError');

/** A model that cannot be used as its files are. The cause says what is wrong with which. */
export class UnusableModelError extends Error {
  readonly [unusableModelMarker] = true;
  /** As it was named. */
  readonly model: string;

  constructor(model: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnusableModelError';
    this.model = model;
  }

  static isInstance(error: unknown): error is UnusableModelError {
    return carries(error, unusableModelMarker);
  }
}

const loadOptionMarker = Symbol.for('safetune.LoadOptionError');

/** An option of `loadModel` or `loadTokenizer` that there is not. */
export class LoadOptionError extends Error {
  readonly [loadOptionMarker] = true;
  /** The function, or the option whose option it is. */
  readonly place: string;

  constructor(place: string, message: string) {
    super(`${place}: ${message}`);
    this.name = 'LoadOptionError';
    this.place = place;
  }

  static isInstance(error: unknown): error is LoadOptionError {
    return carries(error, loadOptionMarker);
  }
}

const precisionMarker = Symbol.for('safetune.PrecisionError');

/** A precision that does not exist, or that does not allow what was asked of the model. */
export class PrecisionError extends Error {
  readonly [precisionMarker] = true;
  readonly precision: string;

  constructor(precision: string, message: string) {
    super(`precision '${precision}': ${message}`);
    this.name = 'PrecisionError';
    this.precision = precision;
  }

  static isInstance(error: unknown): error is PrecisionError {
    return carries(error, precisionMarker);
  }
}

const missingTemplateMarker = Symbol.for('safetune.MissingChatTemplateError');

/** A tokenizer without a chat template, or without the one asked for by name. */
export class MissingChatTemplateError extends Error {
  readonly [missingTemplateMarker] = true;
  readonly directory: string;
  /** Name of the template that was looked for. */
  readonly template: string;
  /** Names of the templates that are there. */
  readonly available: readonly string[];

  constructor(directory: string, template: string, available: readonly string[]) {
    super(
      available.length === 0
        ? `${directory}: the tokenizer has no chat template; add chat_template.jinja, as the instruction-tuned model of the family has it`
        : `${directory}: the tokenizer has no chat template named '${template}'; it has ${available.join(', ')}`,
    );
    this.name = 'MissingChatTemplateError';
    this.directory = directory;
    this.template = template;
    this.available = available;
  }

  static isInstance(error: unknown): error is MissingChatTemplateError {
    return carries(error, missingTemplateMarker);
  }
}

const renderMarker = Symbol.for('safetune.ChatRenderError');

/** A chat template that is not valid Jinja, or that refuses a conversation; the template's own words are the reason. */
export class ChatRenderError extends Error {
  readonly [renderMarker] = true;
  readonly directory: string;
  readonly reason: string;

  constructor(directory: string, reason: string, options?: ErrorOptions) {
    super(printableMessage(`${directory}: the chat template fails: ${reason}`), options);
    this.name = 'ChatRenderError';
    this.directory = directory;
    this.reason = reason;
  }

  static isInstance(error: unknown): error is ChatRenderError {
    return carries(error, renderMarker);
  }
}

const templateLimitMarker = Symbol.for('safetune.ChatTemplateLimitError');

/** A chat template that would take more steps, text or nesting than a template may: it comes with the model, from strangers. */
export class ChatTemplateLimitError extends Error {
  readonly [templateLimitMarker] = true;
  readonly directory: string;
  /** The limit, in words. */
  readonly limit: string;

  constructor(directory: string, limit: string, options?: ErrorOptions) {
    super(
      `${directory}: the chat template goes beyond the limit of ${limit} for one rendering. ` +
        'Shorten the conversation, or use a template that does less.',
      options,
    );
    this.name = 'ChatTemplateLimitError';
    this.directory = directory;
    this.limit = limit;
  }

  static isInstance(error: unknown): error is ChatTemplateLimitError {
    return carries(error, templateLimitMarker);
  }
}

const generationMarker = Symbol.for('safetune.GenerationError');

/** A generation that cannot start or go on: an option out of range, an unusable prompt, logits that are not numbers. */
export class GenerationError extends Error {
  readonly [generationMarker] = true;
  /** Index of the prompt at fault; undefined when an option is. */
  readonly prompt: number | undefined;

  constructor(message: string, prompt?: number) {
    super(prompt === undefined ? message : `prompt ${prompt}: ${message}`);
    this.name = 'GenerationError';
    this.prompt = prompt;
  }

  static isInstance(error: unknown): error is GenerationError {
    return carries(error, generationMarker);
  }
}

const unsupportedTokenizerMarker = Symbol.for('safetune.UnsupportedTokenizerError');

/** A setting of a tokenizer's files that is not supported, or that is not valid. Nothing is skipped in silence. */
export class UnsupportedTokenizerError extends Error {
  readonly [unsupportedTokenizerMarker] = true;
  readonly file: string;
  /** The setting's place in the file, e.g. `pre_tokenizer.pretokenizers.0.pattern.Regex`. */
  readonly setting: string;

  constructor(file: string, setting: string, reason: string, options?: ErrorOptions) {
    super(printableMessage(`${file}: ${printable(setting)}: ${reason}`), options);
    this.name = 'UnsupportedTokenizerError';
    this.file = file;
    this.setting = setting;
  }

  static isInstance(error: unknown): error is UnsupportedTokenizerError {
    return carries(error, unsupportedTokenizerMarker);
  }
}

const tokenizationMarker = Symbol.for('safetune.TokenizationError');

/** A text that the tokenizer cannot turn into tokens: it has no token for unknown text, or its patterns never end. */
export class TokenizationError extends Error {
  readonly [tokenizationMarker] = true;

  constructor(message: string, options?: ErrorOptions) {
    super(printableMessage(message), options);
    this.name = 'TokenizationError';
  }

  static isInstance(error: unknown): error is TokenizationError {
    return carries(error, tokenizationMarker);
  }
}

const ggufMarker = Symbol.for('safetune.GgufError');

/**
 * What is wrong with a GGUF file.
 *
 * - `missing`: there is no such file, or it cannot be opened;
 * - `refused`: it is no regular file;
 * - `magic`: it does not begin as a GGUF file does;
 * - `version`: it is of a version, or byte order, that is not read;
 * - `truncated`: it ends before its header does, or before a tensor does;
 * - `limit`: its header is larger, or lists more, than that of any model;
 * - `text`: a name or text is not UTF-8;
 * - `value`: a metadata value is of a type that there is not;
 * - `metadata`: a metadata value is missing, or is not what it must be;
 * - `duplicate`: two metadata keys, tensors or tokens have one name;
 * - `shape`: a tensor's shape is impossible, or does not fit its type;
 * - `type`: a tensor is of a type that is not known, or not decoded;
 * - `offset`: a tensor does not begin where the one before it ends;
 * - `overlap`: two tensors share bytes;
 * - `split`: it is one of several files of a model, and not the first, or the others are not those that belong to it;
 * - `unsupported`: it holds no language model, or one of an architecture or with a setting that is not supported.
 */
export type GgufProblem =
  | 'missing'
  | 'refused'
  | 'magic'
  | 'version'
  | 'truncated'
  | 'limit'
  | 'text'
  | 'value'
  | 'metadata'
  | 'duplicate'
  | 'shape'
  | 'type'
  | 'offset'
  | 'overlap'
  | 'split'
  | 'unsupported';

/** A GGUF file that is absent, violates the format, or holds what this package does not read. Nothing of it is used. */
export class GgufError extends Error {
  readonly [ggufMarker] = true;
  readonly problem: GgufProblem;
  readonly file: string;
  /** Name of the tensor, or metadata key, at fault; undefined when the whole file is. */
  readonly entry: string | undefined;

  constructor(
    problem: GgufProblem,
    file: string,
    entry: string | undefined,
    message: string,
    options?: ErrorOptions,
  ) {
    super(
      printableMessage(`${file}: ${entry === undefined ? '' : `'${printable(entry)}' `}${message}`),
      options,
    );
    this.name = 'GgufError';
    this.problem = problem;
    this.file = file;
    this.entry = entry;
  }

  static isInstance(error: unknown): error is GgufError {
    return carries(error, ggufMarker);
  }
}

const exportMarker = Symbol.for('safetune.ExportError');

/** A model or adapter that the format asked for cannot hold as it is. */
export class ExportError extends Error {
  readonly [exportMarker] = true;
  /** Path that was to be written. */
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(printableMessage(`${path} is not written: ${message}`), options);
    this.name = 'ExportError';
    this.path = path;
  }

  static isInstance(error: unknown): error is ExportError {
    return carries(error, exportMarker);
  }
}
