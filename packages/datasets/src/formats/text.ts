import type { Format } from './format.ts';
import { rowTooLong } from './lines.ts';
import { utf8Blocks } from './utf8.ts';

/** Plain text: a document a file, as a folder of articles holds them. Its row is `{ text }`. */
export const text: Format = {
  name: 'text',
  title: 'plain text',
  endings: ['txt', 'text'],
  matches: ({ ending }) => text.endings.includes(ending),
  async *rows({ path, chunks, maxRowBytes }) {
    const blocks: Buffer[] = [];
    let length = 0;
    for await (const block of utf8Blocks(chunks(), path)) {
      length += block.length;
      if (length > maxRowBytes) throw rowTooLong(path, 1, maxRowBytes);
      blocks.push(block);
    }
    const whole = Buffer.concat(blocks).toString();
    if (whole.trim() !== '') yield { value: { text: whole }, origin: { file: path, line: 1 } };
  },
};
