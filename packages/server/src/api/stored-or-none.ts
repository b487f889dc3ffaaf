import type { Readable } from 'node:stream';
import { StorageError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';

/** A content, or undefined where there is none of the key. @throws StorageError as `Storage.read` does otherwise. */
export async function storedOrNone(storage: Storage, key: string): Promise<Readable | undefined> {
  try {
    return await storage.read(key);
  } catch (error) {
    if (!StorageError.isInstance(error) || error.problem !== 'missing') throw error;
    return undefined;
  }
}
