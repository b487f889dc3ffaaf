/**
 * Errors of `@safetune/datasets`. Each class carries a marker, so that `X.isInstance(error)` also holds when two
 * copies of this package are installed, and the facts of the failure as readonly fields.
 */
import { describeOrigin, type ExampleOrigin } from './origin.ts';

function carries(error: unknown, marker: symbol): boolean {
  return typeof error === 'object' && error !== null && marker in error;
}

const fileMarker = Symbol.for('safetune.DatasetFileError');

/** A data file that cannot be opened, read or written; the system's error is the `cause`. */
export class DatasetFileError extends Error {
  readonly [fileMarker] = true;
  readonly file: string;

  constructor(file: string, message: string, options?: ErrorOptions) {
    super(`${file}: ${message}`, options);
    this.name = 'DatasetFileError';
    this.file = file;
  }

  static isInstance(error: unknown): error is DatasetFileError {
    return carries(error, fileMarker);
  }
}

const formatMarker = Symbol.for('safetune.DatasetFormatError');

/** A line of a data file that is not a chat example. */
export class DatasetFormatError extends Error {
  readonly [formatMarker] = true;
  readonly file: string;
  /** Line number, counted from 1. */
  readonly line: number;
  /** What is wrong with the line. */
  readonly reason: string;

  constructor(origin: ExampleOrigin, reason: string, advice?: string, options?: ErrorOptions) {
    super(`${describeOrigin(origin)}: ${reason}.${advice === undefined ? '' : ` ${advice}`}`, options);
    this.name = 'DatasetFormatError';
    this.file = origin.file;
    this.line = origin.line;
    this.reason = reason;
  }

  static isInstance(error: unknown): error is DatasetFormatError {
    return carries(error, formatMarker);
  }
}

const exampleMarker = Symbol.for('safetune.ChatExampleError');

/** An example that asks for what cannot be trained, or holds what the model cannot read. */
export class ChatExampleError extends Error {
  readonly [exampleMarker] = true;
  readonly origin: ExampleOrigin | undefined;

  constructor(where: string, origin: ExampleOrigin | undefined, message: string) {
    super(`${where}: ${message}`);
    this.name = 'ChatExampleError';
    this.origin = origin;
  }

  static isInstance(error: unknown): error is ChatExampleError {
    return carries(error, exampleMarker);
  }
}

const emptyMarker = Symbol.for('safetune.EmptyDatasetError');

/** A file, pool or stream without a single example where at least one is needed. */
export class EmptyDatasetError extends Error {
  readonly [emptyMarker] = true;

  constructor(message: string) {
    super(message);
    this.name = 'EmptyDatasetError';
  }

  static isInstance(error: unknown): error is EmptyDatasetError {
    return carries(error, emptyMarker);
  }
}

const optionMarker = Symbol.for('safetune.DatasetOptionError');

/** An option outside its range, such as a batch size of 0 or a share of 1.5. */
export class DatasetOptionError extends Error {
  readonly [optionMarker] = true;
  readonly option: string;
  readonly value: unknown;

  constructor(option: string, value: unknown, expected: string) {
    super(`${option} is ${String(value)}, but must be ${expected}`);
    this.name = 'DatasetOptionError';
    this.option = option;
    this.value = value;
  }

  static isInstance(error: unknown): error is DatasetOptionError {
    return carries(error, optionMarker);
  }
}

const templateMarker = Symbol.for('safetune.ChatTemplateError');

/** A chat template that cannot render an example, or renders it so that its responses cannot be told from the prompt. */
export class ChatTemplateError extends Error {
  readonly [templateMarker] = true;
  readonly origin: ExampleOrigin | undefined;

  constructor(where: string, origin: ExampleOrigin | undefined, message: string, options?: ErrorOptions) {
    super(`${where}: ${message}`, options);
    this.name = 'ChatTemplateError';
    this.origin = origin;
  }

  static isInstance(error: unknown): error is ChatTemplateError {
    return carries(error, templateMarker);
  }
}

const unsupervisedMarker = Symbol.for('safetune.NoSupervisedTokensError');

/** An example nothing can be learned from: no token of a response is left in it. */
export class NoSupervisedTokensError extends Error {
  readonly [unsupervisedMarker] = true;
  readonly origin: ExampleOrigin | undefined;

  constructor(where: string, origin: ExampleOrigin | undefined, message: string) {
    super(`${where}: ${message}`);
    this.name = 'NoSupervisedTokensError';
    this.origin = origin;
  }

  static isInstance(error: unknown): error is NoSupervisedTokensError {
    return carries(error, unsupervisedMarker);
  }
}

const lengthMarker = Symbol.for('safetune.ExampleTooLongError');

/** An example of more tokens than `maxLength`, under `onTooLong: 'error'`. */
export class ExampleTooLongError extends Error {
  readonly [lengthMarker] = true;
  readonly origin: ExampleOrigin | undefined;
  /** Tokens the example has. */
  readonly tokens: number;
  /** Tokens it may have. */
  readonly maxLength: number;

  constructor(where: string, origin: ExampleOrigin | undefined, tokens: number, maxLength: number) {
    super(
      `${where}: the example has ${tokens} tokens, more than maxLength ${maxLength}. ` +
        `Raise maxLength, or set onTooLong to 'truncate' or 'skip'.`,
    );
    this.name = 'ExampleTooLongError';
    this.origin = origin;
    this.tokens = tokens;
    this.maxLength = maxLength;
  }

  static isInstance(error: unknown): error is ExampleTooLongError {
    return carries(error, lengthMarker);
  }
}

const vocabularyMarker = Symbol.for('safetune.TokenOutOfVocabularyError');

/** A token that the model does not know: the tokenizer is of another model. */
export class TokenOutOfVocabularyError extends Error {
  readonly [vocabularyMarker] = true;
  readonly origin: ExampleOrigin | undefined;
  readonly tokenId: number;
  /** Tokens the model knows. */
  readonly vocabularySize: number;

  constructor(
    where: string,
    origin: ExampleOrigin | undefined,
    tokenId: number,
    vocabularySize: number,
    message: string,
  ) {
    super(`${where}: ${message}`);
    this.name = 'TokenOutOfVocabularyError';
    this.origin = origin;
    this.tokenId = tokenId;
    this.vocabularySize = vocabularySize;
  }

  static isInstance(error: unknown): error is TokenOutOfVocabularyError {
    return carries(error, vocabularyMarker);
  }
}

const poolMarker = Symbol.for('safetune.PoolExhaustedError');

/** A pool that ran out while a mix still needed it, under `onPoolExhausted: 'error'`. */
export class PoolExhaustedError extends Error {
  readonly [poolMarker] = true;
  /** Examples the pool held. */
  readonly poolSize: number;

  constructor(poolSize: number, message: string) {
    super(message);
    this.name = 'PoolExhaustedError';
    this.poolSize = poolSize;
  }

  static isInstance(error: unknown): error is PoolExhaustedError {
    return carries(error, poolMarker);
  }
}
