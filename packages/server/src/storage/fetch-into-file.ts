import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { StorageError } from '../errors.ts';
import type { StoredContent } from './storage.ts';
import { writeAndHash } from './stored-content.ts';

/**
 * Brings a content into a file, whole or not at all.
 *
 * @throws StorageError 'failed' when it cannot be read to its end or written; nothing is left then.
 */
export async function fetchIntoFile(key: string, content: Readable, path: string): Promise<StoredContent> {
  const temporary = `${path}.${randomUUID()}.partial`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const fetched = await writeAndHash(content, temporary);
    await rename(temporary, path);
    return fetched;
  } catch (cause) {
    content.destroy();
    await rm(temporary, { force: true }).catch(() => {});
    if (StorageError.isInstance(cause)) throw cause;
    throw new StorageError(key, 'failed', `cannot be brought to ${path} (${(cause as Error).message})`, {
      cause,
    });
  }
}
