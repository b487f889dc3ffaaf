import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DatasetFileError } from '../errors.ts';
import { printable } from '../printable.ts';
import { type Compression, compressionOf, formatEnding } from './compression.ts';
import type { Beginning, RowFile } from './format.ts';

/** A file with data, and how it begins. */
export interface DataFile extends RowFile {
  readonly compression: Compression['name'] | undefined;
  readonly beginning: Beginning;
}

const beginningBytes = 65536;

/**
 * Looks at the beginning of a file.
 *
 * @throws {@link DatasetFileError} when it cannot be read, is no regular file, or cannot be unpacked.
 */
export async function openDataFile(path: string, maxRowBytes: number): Promise<DataFile> {
  const info = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (!info.isFile()) {
    throw new DatasetFileError(
      path,
      'this is no regular file. Data is read more than once: save it as a file.',
    );
  }
  const stored = await take(storedChunks(path), 4096);
  const compression = compressionOf(stored.bytes);
  const chunks = () => (compression === undefined ? storedChunks(path) : unpackedChunks(path, compression));
  const { bytes, isWhole } = await take(chunks(), beginningBytes);
  return {
    path,
    compression: compression?.name,
    beginning: {
      bytes,
      text: bytes
        .toString()
        .replace(/^\ufeff/, '')
        .trimStart(),
      isWhole,
      ending: formatEnding(basename(path)),
    },
    chunks,
    withPath: (use) => (compression === undefined ? use(path) : throughTemporary(path, chunks, use)),
    maxRowBytes,
  };
}

async function take(
  chunks: AsyncIterable<Buffer>,
  length: number,
): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const parts: Buffer[] = [];
  let taken = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    taken += chunk.length;
    if (taken >= length) return { bytes: Buffer.concat(parts), isWhole: false };
  }
  return { bytes: Buffer.concat(parts), isWhole: true };
}

async function* storedChunks(path: string): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Buffer;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function* unpackedChunks(
  path: string,
  compression: Compression,
): AsyncGenerator<Buffer, void, undefined> {
  const unpacked = compression.decompressor(path);
  const source = createReadStream(path);
  source.once('error', (error) => unpacked.destroy(error));
  source.pipe(unpacked);
  try {
    for await (const chunk of unpacked) yield chunk as Buffer;
  } catch (cause) {
    throw cannotUnpack(path, compression.name, cause);
  } finally {
    source.destroy();
    unpacked.destroy();
  }
}

/** For formats that are read from their end. */
async function* throughTemporary<T>(
  path: string,
  chunks: () => AsyncGenerator<Buffer>,
  use: (path: string) => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-unpacked-'));
  try {
    const unpacked = join(folder, basename(path));
    await pipeline(Readable.from(chunks()), createWriteStream(unpacked));
    yield* use(unpacked);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function unreadable(path: string, cause: unknown): DatasetFileError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const what =
    code === 'ENOENT' ? 'there is no such file' : `the data file cannot be read (${printable(message, 300)})`;
  return new DatasetFileError(path, `${what}. Check the path.`, { cause });
}

function cannotUnpack(path: string, compression: string, cause: unknown): DatasetFileError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const isCutOff = code === 'Z_BUF_ERROR' || /unexpected end|srcSize_wrong/i.test(message);
  return new DatasetFileError(
    path,
    isCutOff
      ? `the ${compression} file is cut off: it ends before its data does. Fetch or write it again.`
      : `the ${compression} file is damaged (${printable(message, 100)}). Fetch or write it again.`,
    { cause },
  );
}
