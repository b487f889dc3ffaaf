import { printableMessage } from './printable.ts';

const marker = Symbol.for('safetune.FileReadError');

/**
 * Why a file cannot be read.
 *
 * - `missing`: there is none;
 * - `not-a-file`: a folder, pipe, socket or device;
 * - `outside`: it is a link to a file outside of its folder;
 * - `too-large`: it has more bytes, values or levels than such a file may have;
 * - `text`: it is not UTF-8;
 * - `json`: it is not JSON;
 * - `unreadable`: the system refuses it.
 */
export type FileReadProblem =
  | 'missing'
  | 'not-a-file'
  | 'outside'
  | 'too-large'
  | 'text'
  | 'json'
  | 'unreadable';

/** A file that cannot be read, or that is not read because it may be a trap. */
export class FileReadError extends Error {
  readonly [marker] = true;
  readonly problem: FileReadProblem;
  readonly file: string;
  /** The message without the file's path. */
  readonly reason: string;

  constructor(problem: FileReadProblem, file: string, reason: string, options?: ErrorOptions) {
    super(printableMessage(`${file}: ${reason}`), options);
    this.name = 'FileReadError';
    this.problem = problem;
    this.file = file;
    this.reason = reason;
  }

  static isInstance(error: unknown): error is FileReadError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}
