import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { ReportWriteError } from './errors.ts';

/**
 * Writes a file whole or not at all: to a temporary name beside it, then renamed.
 *
 * @throws {ReportWriteError} when the file cannot be written; an earlier file of that name is left as it was.
 */
export async function writeFileAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new ReportWriteError(path, `cannot be written (${(cause as Error).message})`, { cause });
  }
}
