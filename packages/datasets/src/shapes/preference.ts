import { DatasetFormatError } from '../errors.ts';
import { has, type Shape } from './shape.ts';

/** Better and worse answers to a prompt, which need a loss of their own (DPO, KTO). */
export const preference: Shape = {
  name: 'preference',
  columns: 'prompt, chosen, rejected',
  matches: (row) => has(row, 'chosen', 'rejected') || isUnpaired(row),
  read(row, origin) {
    throw new DatasetFormatError(
      origin,
      isUnpaired(row)
        ? 'this is a set of preferences: "label" says whether an answer is a good one, and all would be learned alike'
        : 'this is a set of preferences ("chosen" and "rejected"), which no command trains on yet',
      isUnpaired(row)
        ? 'Keep the rows whose label is true, and remove the column'
        : 'To learn the better answers alone, write them as "prompt" and "completion", or as "messages", without "rejected"',
    );
  },
};

/** KTO: prompt, completion, and a label that is true or false. */
function isUnpaired(row: Readonly<Record<string, unknown>>): boolean {
  return has(row, 'prompt', 'completion', 'label') && /^(true|false)$/i.test(String(row.label));
}
