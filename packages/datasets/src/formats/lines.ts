import { DatasetFormatError } from '../errors.ts';
import type { OnBadRow } from './format.ts';

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
 * @param onBadLine - hears of a line that is not UTF-8, or longer than `maxLineBytes`, which is then left out. Default: it is thrown.
 * @throws {@link DatasetFormatError} for such a line.
 */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  path: string,
  maxLineBytes: number,
  onBadLine: OnBadRow = (error) => {
    throw error;
  },
): AsyncGenerator<TextLine, void, undefined> {
  let line = 0;
  let parts: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer) => {
    const before = length;
    length += part.length;
    if (length <= maxLineBytes) {
      if (part.length > 0) parts.push(part);
    } else if (before <= maxLineBytes) {
      parts = [];
      onBadLine(rowTooLong(path, line + 1, maxLineBytes));
    }
  };
  const whole = (): TextLine | undefined => {
    line += 1;
    const isKept = length <= maxLineBytes;
    const text = isKept ? decode(parts) : undefined;
    if (isKept && text === undefined)
      onBadLine(
        new DatasetFormatError({ file: path, line }, 'not valid UTF-8 text', 'Save the file as UTF-8'),
      );
    parts = [];
    length = 0;
    return text === undefined ? undefined : { text, line };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      take(chunk.subarray(from, end));
      const found = whole();
      if (found !== undefined) yield found;
      from = end + 1;
    }
    take(chunk.subarray(from));
  }
  const last = length > 0 ? whole() : undefined;
  if (last !== undefined) yield last;
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

/** Undefined for what is no UTF-8. */
function decode(parts: readonly Buffer[]): string | undefined {
  const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
