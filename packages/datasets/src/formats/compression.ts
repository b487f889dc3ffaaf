import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { DatasetFileError } from '../errors.ts';

/** A way to compress whole files. */
export interface Compression {
  readonly name: 'gzip' | 'zstd';
  /** Of the file's name, in lower case. */
  readonly endings: readonly string[];
  matches(bytes: Buffer): boolean;
  /** @throws {@link DatasetFileError} where this Node.js has none. */
  decompressor(path: string): Transform;
}

const compressions: readonly Compression[] = [
  {
    name: 'gzip',
    endings: ['gz', 'gzip'],
    matches: (bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b,
    decompressor: () => zlib.createGunzip(),
  },
  {
    name: 'zstd',
    endings: ['zst', 'zstd'],
    // A frame, or a skippable one before it (RFC 8878).
    matches: (bytes) =>
      bytes.length >= 4 &&
      (bytes.readUInt32LE(0) === 0xfd2fb528 || (bytes.readUInt32LE(0) & 0xfffffff0) >>> 0 === 0x184d2a50),
    decompressor(path) {
      // Node.js 22.15 and 23.8 brought it.
      if (typeof zlib.createZstdDecompress !== 'function') {
        throw new DatasetFileError(
          path,
          `the file is compressed by Zstandard, which this Node.js (${process.version}) cannot unpack. ` +
            'Use Node.js 22.15 or newer, or unpack it first (unzstd).',
        );
      }
      return zlib.createZstdDecompress();
    },
  },
];

/** The compression of a file that begins with these bytes; undefined for none that is known. */
export function compressionOf(bytes: Buffer): Compression | undefined {
  return compressions.find((compression) => compression.matches(bytes));
}

/** The ending of a file's name that tells its format: `jsonl` of `Chats.JSONL.gz`. Empty where there is none. */
export function formatEnding(name: string): string {
  const parts = name.toLowerCase().split('.').slice(1);
  const last = parts.at(-1);
  const isPacked = compressions.some(({ endings }) => endings.some((ending) => ending === last));
  return (isPacked ? parts.at(-2) : last) ?? '';
}
