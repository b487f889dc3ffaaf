import type { Format } from './format.ts';
import { jsonItems } from './json-items.ts';
import { parseJson } from './json-lines.ts';
import { utf8Blocks } from './utf8.ts';

/** A list of objects, an object with one list of them, or objects behind each other; on as many lines as they like. */
export const json: Format = {
  name: 'json',
  title: 'JSON',
  endings: ['json'],
  matches: ({ text }) => text.startsWith('[') || text.startsWith('{'),
  async *rows({ path, chunks, maxRowBytes }) {
    for await (const { text, line } of jsonItems(utf8Blocks(chunks(), path), path, maxRowBytes)) {
      const origin = { file: path, line };
      yield { value: parseJson(text, origin, 'Correct the object that begins on this line'), origin };
    }
  },
};
