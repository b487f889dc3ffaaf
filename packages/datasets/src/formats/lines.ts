import { createReadStream } from 'node:fs';
import { DatasetFileError, DatasetFormatError } from '../errors.ts';

const newline = 0x0a;

/** A line of a text file, without its `\n`. */
interface TextLine {
  readonly text: string;
  /** Line number, counted from 1. */
  readonly line: number;
}

/**
 * Streams the lines of a UTF-8 file, holding one line in memory. Lines end at `\n` only (a `\r` before it stays; it is whitespace in JSON): `node:readline` would
 * also split at U+2028, which may stand unescaped in a JSON string. A byte order mark is dropped.
 *
 * @throws {@link DatasetFileError} when the file cannot be read; {@link DatasetFormatError} when a line is not UTF-8.
 */
export async function* readLines(path: string): AsyncGenerator<TextLine, void, undefined> {
  let line = 0;
  let parts: Buffer[] = [];
  for await (const chunk of readChunks(path)) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      parts.push(chunk.subarray(from, end));
      line += 1;
      yield { text: decode(parts, path, line), line };
      parts = [];
      from = end + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
  if (parts.length > 0) yield { text: decode(parts, path, line + 1), line: line + 1 };
}

async function* readChunks(path: string): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Buffer;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetFileError(path, `the data file cannot be read (${reason}). Check the path.`, { cause });
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
