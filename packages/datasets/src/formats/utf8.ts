import { isUtf8 } from 'node:buffer';
import { DatasetFormatError } from '../errors.ts';

const newline = 0x0a;

/**
 * The bytes again, checked to be UTF-8, without a byte order mark, and never cut within a character.
 *
 * @throws {@link DatasetFormatError}, naming the line.
 */
export async function* utf8Blocks(
  chunks: AsyncIterable<Buffer>,
  path: string,
): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let line = 1;
  let isFirst = true;
  for await (const chunk of chunks) {
    let block = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = wholeCharacters(block);
    rest = block.subarray(end);
    block = block.subarray(0, end);
    if (isFirst && block.length > 0) {
      if (block.subarray(0, 3).equals(byteOrderMark)) block = block.subarray(3);
      isFirst = false;
    }
    if (!isUtf8(block)) throw notUtf8(block, path, line);
    for (let at = block.indexOf(newline); at !== -1; at = block.indexOf(newline, at + 1)) line += 1;
    if (block.length > 0) yield block;
  }
  if (rest.length > 0) throw notUtf8(rest, path, line);
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Bytes up to the end of the last character that is whole. */
function wholeCharacters(block: Buffer): number {
  for (let back = 1; back <= Math.min(3, block.length); back += 1) {
    const byte = block[block.length - back] as number;
    if (byte < 0x80) return block.length;
    if (byte < 0xc0) continue;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return back < length ? block.length - back : block.length;
  }
  return block.length;
}

function notUtf8(block: Buffer, file: string, firstLine: number): DatasetFormatError {
  let line = firstLine;
  let from = 0;
  for (let end = block.indexOf(newline); end !== -1; end = block.indexOf(newline, from)) {
    if (!isUtf8(block.subarray(from, end))) break;
    line += 1;
    from = end + 1;
  }
  return new DatasetFormatError({ file, line }, 'not valid UTF-8 text', 'Save the file as UTF-8');
}
