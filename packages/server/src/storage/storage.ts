import type { Readable } from 'node:stream';

export interface StoredContent {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

/**
 * Contents under keys such as `files/file-abc` and `models/ft-1/manifest.json`. Keys are made by the service, of letters, digits, `-`, `_`,
 * `.` and `/`; no part of a key comes from a client. A key is there whole or not at all. Every operation throws a StorageError 'refused' for
 * a key that is none, and 'failed' when the storage cannot be used.
 */
export interface Storage {
  /**
   * @param content the path of a file, or what is streamed. Nothing is left of one whose stream fails.
   */
  put(key: string, content: string | Readable): Promise<StoredContent>;
  /** @throws StorageError 'missing' */
  read(key: string): Promise<Readable>;
  /** Brings a content into a file, whole or not at all. @throws StorageError 'missing' */
  fetch(key: string, path: string): Promise<void>;
  /** Keys that begin so, sorted. */
  list(prefix: string): Promise<readonly string[]>;
  /** Removes the key, or with a `/` at its end everything under it. What is not there is removed already. */
  remove(keyOrPrefix: string): Promise<void>;
  close(): Promise<void>;
}
