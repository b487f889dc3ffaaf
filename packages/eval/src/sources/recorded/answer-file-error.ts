import { carries } from '../../errors.ts';
import { printable } from '../../printable.ts';

const answerFileMarker = Symbol.for('safetune.AnswerFileError');

/** A file of answers that cannot be read, or lacks what is asked of it. */
export class AnswerFileError extends Error {
  readonly [answerFileMarker] = true;
  /** File as it was named by the caller. */
  readonly file: string;
  /** From 1, the last one of a table's row; undefined when the whole file is meant. */
  readonly line: number | undefined;

  constructor(file: string, line: number | undefined, message: string, options?: ErrorOptions) {
    super(`${file}:${line === undefined ? '' : `${line}:`} ${printable(message)}`, options);
    this.name = 'AnswerFileError';
    this.file = file;
    this.line = line;
  }

  static isInstance(error: unknown): error is AnswerFileError {
    return carries(error, answerFileMarker);
  }
}
