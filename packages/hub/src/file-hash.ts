import { createHash, type Hash } from 'node:crypto';
import type { HubFile } from './repository-files.ts';

/** The hash of a file's bytes, as they come; `digest('hex')` must be the file's own. */
export function hashOf({ hash, size }: HubFile): Hash {
  if (hash.kind === 'sha256') return createHash('sha256');
  // What git hashes for a blob: a header, then the bytes.
  return createHash('sha1').update(`blob ${size}\0`);
}
