import { DatasetFormatError } from '../errors.ts';
import type { ExampleOrigin } from '../origin.ts';
import { printable } from '../printable.ts';
import type { Format } from './format.ts';
import { splitLines } from './lines.ts';

const endings = ['jsonl', 'ndjson', 'jsonlines'];

/** One JSON value a line. Empty lines are skipped. */
export const jsonLines: Format = {
  name: 'jsonl',
  title: 'JSON Lines',
  endings,
  matches({ text, ending }) {
    if (!text.startsWith('{')) return false;
    if (endings.includes(ending)) return true;
    // What stands on a single line may also be one object around all rows: that is told where JSON is read.
    const [first = '', ...others] = text.split('\n');
    return others.some((line) => line.trim() !== '') && isJson(first);
  },
  async *rows({ path, chunks, maxRowBytes }, onBadRow) {
    for await (const { text, line } of splitLines(chunks(), path, maxRowBytes, onBadRow)) {
      if (text.trim() === '') continue;
      const origin = { file: path, line };
      let value: unknown;
      try {
        value = parseJson(text, origin, 'Every line must hold one whole JSON object');
      } catch (error) {
        if (onBadRow === undefined || !DatasetFormatError.isInstance(error)) throw error;
        onBadRow(error);
        continue;
      }
      yield { value, origin };
    }
  },
};

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** @throws {@link DatasetFormatError} */
export function parseJson(text: string, origin: ExampleOrigin, advice: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetFormatError(origin, `not JSON (${printable(reason, 200)})`, advice, { cause });
  }
}
