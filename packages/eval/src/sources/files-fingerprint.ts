import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

/**
 * A short name for the state of a file or of a folder's files: SHA-256 over each one's relative path, size and time of
 * last change, 16 hexadecimal digits. Put it into a source's `settings`, so that answers of an adapter that has been
 * trained anew are never taken for the new one's.
 */
export async function filesFingerprint(path: string): Promise<string> {
  const root = await stat(path);
  const names = root.isDirectory() ? (await readdir(path, { recursive: true })).sort() : [''];
  const hash = createHash('sha256');
  for (const name of names) {
    const facts = name === '' ? root : await stat(join(path, name));
    if (facts.isFile()) hash.update(JSON.stringify([name || basename(path), facts.size, facts.mtimeMs]));
  }
  return hash.digest('hex').slice(0, 16);
}
