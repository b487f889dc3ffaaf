import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { StorageError } from '../errors.ts';
import type { StoredContent } from './storage.ts';
import { partsOfKey } from './storage-key.ts';

/**
 * What `Storage.put` was given, as a stream; the key is checked before anything is opened.
 *
 * @throws StorageError 'refused' for the key, 'failed' when the file cannot be opened, or is none.
 */
export async function sourceOf(key: string, content: string | Readable): Promise<Readable> {
  // A stream may fail before anybody reads it. Whoever reads it is told.
  if (typeof content !== 'string') content.on('error', () => {});
  partsOfKey(key);
  if (typeof content !== 'string') return content;
  const handle = await open(content, 'r').catch((cause: Error) => {
    throw new StorageError(key, 'failed', `what is to be stored cannot be opened (${cause.message})`, {
      cause,
    });
  });
  if ((await handle.stat()).isFile()) return handle.createReadStream();
  await handle.close();
  throw new StorageError(key, 'failed', 'what is to be stored is no file');
}

/** Lets go of what `Storage.put` was given, also when it was not read to its end. */
export function discard(content: string | Readable): void {
  if (typeof content !== 'string') content.destroy();
}

/**
 * Streams into a new file, brings it to the disk, and tells what was written.
 *
 * @throws what the stream throws, also when it is closed before its end; system errors.
 */
export async function writeAndHash(content: Readable, path: string): Promise<StoredContent> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of content) {
      const piece: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      hash.update(piece);
      await file.writeFile(piece);
      bytes += piece.byteLength;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}
