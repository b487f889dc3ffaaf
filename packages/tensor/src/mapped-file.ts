import { statSync } from 'node:fs';
import { MappedFileError } from './errors.ts';

/** A file that a session has mapped into memory. */
export interface MappedFile {
  readonly path: string;
  /** Which file it was: another one that was renamed to the path since does not concern the mapping. */
  readonly inode: number;
  readonly byteLength: number;
}

/**
 * Makes sure that mapped files have not been cut short: reading beyond the end of one kills the process without a word.
 *
 * @throws MappedFileError
 */
export function requireWhole(files: readonly MappedFile[]): void {
  for (const { path, inode, byteLength } of files) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.ino === inode && found.size < byteLength)
      throw new MappedFileError(path, found.size, byteLength);
  }
}
