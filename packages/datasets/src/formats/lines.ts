import { DatasetFormatError } from '../errors.ts';

const newline = 0x0a;

/** A line of a text file, without its `\n`. */
interface TextLine {
  readonly text: string;
  /** Line number, counted from 1. */
  readonly line: number;
}

/**
 * Streams the lines of UTF-8 bytes, holding one line in memory. Lines end at `\n` only (a `\r` before it stays; it is
 * whitespace in JSON): `node:readline` would also split at U+2028, which may stand unescaped in a JSON string. A byte order
 * mark is dropped.
 *
 * @throws {@link DatasetFormatError} when a line is not UTF-8, or longer than `maxLineBytes`.
 */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  path: string,
  maxLineBytes: number,
): AsyncGenerator<TextLine, void, undefined> {
  let line = 0;
  let parts: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer) => {
    length += part.length;
    if (length > maxLineBytes) throw rowTooLong(path, line + 1, maxLineBytes);
    if (part.length > 0) parts.push(part);
  };
  for await (const chunk of chunks) {
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

/** The refusal of a row that would fill the memory. */
export function rowTooLong(file: string, line: number, maxRowBytes: number): DatasetFormatError {
  return new DatasetFormatError(
    { file, line },
    `the row that begins here is longer than ${maxRowBytes} bytes`,
    'Write one chat a row, each whole; for longer chats raise maxRowBytes',
  );
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
