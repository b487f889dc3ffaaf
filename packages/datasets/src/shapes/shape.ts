import type { JsonObject } from '../json.ts';
import type { ExampleOrigin } from '../origin.ts';

/** What a row becomes. */
export type ShapedRow =
  /** A row with `messages`, and with every column that was not understood: those that would change what is trained are refused later. */
  | { readonly chat: JsonObject }
  /** The better and the worse of two conversations with one beginning, each likewise. */
  | { readonly chat: JsonObject; readonly rejected: JsonObject }
  /** A row with `text`, which is no conversation, and every other column likewise. */
  | { readonly text: JsonObject }
  /** Nothing, by what the data set itself says of the row: the reason, as a report counts it. */
  | { readonly leftOut: string };

/** One way to write an example in the columns of a row. */
export interface Shape {
  /** By which it is named: `alpaca`. */
  readonly name: string;
  /** Its columns, as messages list them: `instruction, input, output`. */
  readonly columns: string;
  /** Whether a row is of this shape. The table's earlier shapes were asked before. */
  matches(row: JsonObject): boolean;
  /** @throws {@link DatasetFormatError} for a row that cannot be one. */
  read(row: JsonObject, origin: ExampleOrigin): ShapedRow;
}

/** Whether a row has a column, whatever stands in it. */
export function has(row: JsonObject, ...columns: readonly string[]): boolean {
  return columns.every((column) => Object.hasOwn(row, column));
}

/** The row without the columns that were read. */
export function without(row: JsonObject, ...columns: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(row).filter(([column]) => !columns.includes(column)));
}
