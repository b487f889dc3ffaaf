import { Readable } from 'node:stream';
import { StorageError } from '../errors.ts';
import { fetchIntoFile } from './fetch-into-file.ts';
import type { S3Options } from './s3-options.ts';
import { S3Requests, textOf, textsOf } from './s3-requests.ts';
import { uploadInParts } from './s3-upload.ts';
import type { Storage, StoredContent } from './storage.ts';
import { checkPrefix, partsOfKey } from './storage-key.ts';
import { discard, sourceOf } from './stored-content.ts';

/** So many keys are removed at a time. */
const removedAtOnce = 8;

/**
 * Contents in a bucket of a store with the API of S3. A content is there when its upload was finished, and not before; of a long one a
 * part at a time is in memory. What the store cannot answer is sent again, and a download goes on where it broke.
 *
 * @throws StorageError 'refused' for options without meaning, 'failed' when the bucket cannot be listed.
 */
export async function openS3Storage(options: S3Options): Promise<Storage> {
  const storage = new S3Storage(options);
  await storage.check();
  return storage;
}

class S3Storage implements Storage {
  readonly #requests: S3Requests;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #partBytes: number;

  constructor(options: S3Options) {
    this.#requests = new S3Requests(options);
    this.#bucket = options.bucket;
    this.#prefix = options.prefix === undefined ? '' : `${options.prefix}/`;
    this.#partBytes = options.partBytes ?? 16 * 2 ** 20;
  }

  async check(): Promise<void> {
    try {
      await this.#page('', undefined, 1);
    } catch (cause) {
      if (!StorageError.isInstance(cause)) throw cause;
      const { problem, message } = cause;
      throw new StorageError(this.#bucket, problem === 'missing' ? 'failed' : problem, message, { cause });
    }
  }

  async put(key: string, content: string | Readable): Promise<StoredContent> {
    try {
      const source = await sourceOf(key, content);
      return await uploadInParts(this.#requests, key, source, this.#partBytes);
    } catch (cause) {
      if (StorageError.isInstance(cause)) throw cause;
      throw new StorageError(key, 'failed', `cannot be stored (${(cause as Error).message})`, { cause });
    } finally {
      discard(content);
    }
  }

  async read(key: string): Promise<Readable> {
    partsOfKey(key);
    const first = await this.#get(key, 0);
    return Readable.from(this.#download(key, first), { objectMode: false });
  }

  async fetch(key: string, path: string): Promise<void> {
    await fetchIntoFile(key, await this.read(key), path);
  }

  async list(prefix: string): Promise<readonly string[]> {
    checkPrefix(prefix);
    const keys: string[] = [];
    let continuation: string | undefined;
    do {
      const document = await this.#page(prefix, continuation, 1000);
      for (const found of textsOf(document, 'Key')) {
        const key = found.slice(this.#prefix.length);
        // What somebody else put there under another sort of key is not the service's.
        if (found.startsWith(this.#prefix) && isKey(key)) keys.push(key);
      }
      const isCut = textOf(document, 'IsTruncated') === 'true';
      continuation = isCut ? textOf(document, 'NextContinuationToken') : undefined;
    } while (continuation !== undefined);
    return keys.sort();
  }

  async remove(keyOrPrefix: string): Promise<void> {
    const isFolder = keyOrPrefix.endsWith('/');
    partsOfKey(isFolder ? keyOrPrefix.slice(0, -1) : keyOrPrefix);
    const keys = isFolder ? await this.list(keyOrPrefix) : [keyOrPrefix];
    for (let first = 0; first < keys.length; first += removedAtOnce)
      await Promise.all(keys.slice(first, first + removedAtOnce).map((key) => this.#removeKey(key)));
  }

  async close(): Promise<void> {}

  async #removeKey(key: string): Promise<void> {
    try {
      await (await this.#requests.send({ method: 'DELETE', key })).body?.cancel();
    } catch (error) {
      // Some stores say so, others do not.
      if (!(StorageError.isInstance(error) && error.problem === 'missing')) throw error;
    }
  }

  async #page(prefix: string, continuation: string | undefined, count: number): Promise<string> {
    const query = {
      'list-type': '2',
      'max-keys': String(count),
      prefix: this.#prefix + prefix,
      ...(continuation !== undefined && { 'continuation-token': continuation }),
    };
    return (await this.#requests.send({ method: 'GET', key: '', query })).text();
  }

  #get(key: string, from: number, etag?: string | null): Promise<Response> {
    const headers = {
      ...(from > 0 && { range: `bytes=${from}-` }),
      // The rest of the same content, not of one that replaced it.
      ...(etag && { 'if-match': etag }),
    };
    return this.#requests.send({ method: 'GET', key, headers });
  }

  async *#download(key: string, first: Response): AsyncGenerator<Uint8Array, void, undefined> {
    const etag = first.headers.get('etag');
    const expected = Number(first.headers.get('content-length') ?? Number.NaN);
    let response = first;
    let received = 0;
    for (;;) {
      const before = received;
      let cause: unknown;
      try {
        for await (const chunk of response.body ?? []) {
          received += chunk.byteLength;
          yield chunk;
        }
        if (!(received < expected)) return;
      } catch (error) {
        cause = error;
      }
      // Without progress, or without a way of knowing that it is the same content, it is over.
      if (received === before || received >= expected || !etag)
        throw new StorageError(key, 'failed', `broke off after ${received} of ${expected} bytes`, { cause });
      response = await this.#get(key, received, etag);
      if (response.status !== 206) {
        await response.body?.cancel();
        throw new StorageError(key, 'failed', 'broke off, and the store does not tell the rest of it', {
          cause,
        });
      }
    }
  }
}

function isKey(key: string): boolean {
  try {
    partsOfKey(key);
    return true;
  } catch {
    return false;
  }
}
