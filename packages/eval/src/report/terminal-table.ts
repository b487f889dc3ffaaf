import { printable } from '../printable.ts';
import { figureList } from './figure-list.ts';
import type { ReportTable } from './report-tables.ts';
import { textTable } from './terminal.ts';

/**
 * A table of a report for a terminal, its texts made printable. What is wider than `width` columns becomes several tables below
 * each other, each with the columns that say what a row is; what does not even fit so, a list of figures.
 */
export function terminalTable(table: ReportTable, width: number | undefined): string {
  const { keys = 1, isText = false } = table;
  const header = table.columns.map((cell) => printable(cell, 200));
  const rows = table.rows.map((row) => row.map((cell) => printable(cell, 200)));
  const laidOut = (columns: readonly number[]) =>
    textTable(
      columns.map((column) => header[column]!),
      rows.map((row) => columns.map((column) => row[column]!)),
      isText ? 'left' : 'right',
    );
  const fits = (columns: readonly number[]) =>
    width === undefined ||
    laidOut(columns)
      .split('\n')
      .every((line) => [...line].length <= width);
  const keyColumns = Array.from({ length: keys }, (_, column) => column);
  const pieces: number[][] = [];
  for (const unit of units(header, keys)) {
    const last = pieces.at(-1);
    if (last !== undefined && fits([...last, ...unit])) last.push(...unit);
    else pieces.push([...keyColumns, ...unit]);
  }
  if (pieces.every(fits)) return pieces.map(laidOut).join('\n\n');
  const names = rows.map((row) => row.slice(0, keys).join(', '));
  return figureList(
    [header[0]!, ...header.slice(keys)],
    rows.map((row, index) => [names[index]!, ...row.slice(keys)]),
    width!,
  );
}

/** Columns that say more of the one before them. */
const followers = ['95 %', 'corrected p'];

/** Columns that stay together: an interval is with what it is of. */
function units(header: readonly string[], keys: number): readonly number[][] {
  const together: number[][] = [];
  for (const [column, name] of header.entries()) {
    if (column < keys) continue;
    if (followers.includes(name) && together.length > 0) together.at(-1)!.push(column);
    else together.push([column]);
  }
  return together;
}
