import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { DatasetFileError, DatasetFormatError } from '../errors.ts';
import { requireInteger } from '../options.ts';
import { foreignFormat, missingFileAdvice } from './foreign-file.ts';

const newline = 0x0a;

/** A line of a text file, without its `\n`. */
interface TextLine {
  readonly text: string;
  /** Line number, counted from 1. */
  readonly line: number;
}

/** Longest line unless another limit is given: far more than any chat, far less than memory. */
const longestLine = 64 * 2 ** 20;

/** What {@link readLines} holds in memory. */
export interface LineOptions {
  /** Most bytes of a line; a longer one is refused while it is read. Default 67108864 (64 MiB). */
  readonly maxLineBytes?: number;
}

/**
 * Streams the lines of a UTF-8 file, holding one line in memory. Lines end at `\n` only (a `\r` before it stays; it is
 * whitespace in JSON): `node:readline` would also split at U+2028, which may stand unescaped in a JSON string. A byte order
 * mark is dropped.
 *
 * @throws {@link DatasetFileError} when the file cannot be read, or is of another format, such as Parquet;
 * {@link DatasetFormatError} when a line is not UTF-8, or too long.
 */
export async function* readLines(
  path: string,
  { maxLineBytes = longestLine }: LineOptions = {},
): AsyncGenerator<TextLine, void, undefined> {
  requireInteger('maxLineBytes', maxLineBytes, 1);
  let line = 0;
  let parts: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer) => {
    length += part.length;
    if (length > maxLineBytes) throw lineTooLong(path, line + 1, maxLineBytes);
    if (part.length > 0) parts.push(part);
  };
  for await (const chunk of readChunks(path)) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      take(chunk.subarray(from, end));
      line += 1;
      yield { text: decode(parts, path, line), line };
      parts = [];
      length = 0;
      from = end + 1;
    }
    take(chunk.subarray(from));
  }
  if (parts.length > 0) yield { text: decode(parts, path, line + 1), line: line + 1 };
}

function lineTooLong(file: string, line: number, maxLineBytes: number): DatasetFormatError {
  return new DatasetFormatError(
    { file, line },
    `the line is longer than ${maxLineBytes} bytes`,
    'Write one chat a line, with a line end behind each; for longer chats raise maxLineBytes',
  );
}

async function* readChunks(path: string): AsyncGenerator<Buffer, void, undefined> {
  let isFirst = true;
  try {
    const { size } = await stat(path);
    for await (const piece of createReadStream(path)) {
      const chunk = piece as Buffer;
      const foreign = isFirst ? foreignFormat(chunk, chunk.length === size) : undefined;
      if (foreign !== undefined) throw new DatasetFileError(path, foreign);
      isFirst = false;
      yield chunk;
    }
  } catch (cause) {
    if (DatasetFileError.isInstance(cause)) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new DatasetFileError(
      path,
      `the data file cannot be read (${message}): ${missingFileAdvice(path, code)}.`,
      {
        cause,
      },
    );
  }
}

// Without `ignoreBOM` the decoder drops a byte order mark; only the first line of a file can hold one.
const decoder = new TextDecoder('utf-8', { fatal: true });

function decode(parts: readonly Buffer[], file: string, line: number): string {
  const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new DatasetFormatError({ file, line }, 'not valid UTF-8 text', 'Save the file as UTF-8', { cause });
  }
}
