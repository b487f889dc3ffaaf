import { carries } from '../errors.ts';
import { printable } from '../printable.ts';

const reportFileMarker = Symbol.for('safetune.ReportFileError');

/** A file that is not the report of an evaluation, or one of another version. */
export class ReportFileError extends Error {
  readonly [reportFileMarker] = true;
  /** File as it was named by the caller. */
  readonly file: string;

  constructor(file: string, message: string, options?: ErrorOptions) {
    super(`${file}: ${printable(message)}`, options);
    this.name = 'ReportFileError';
    this.file = file;
  }

  static isInstance(error: unknown): error is ReportFileError {
    return carries(error, reportFileMarker);
  }
}
