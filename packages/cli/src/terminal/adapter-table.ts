import { textTable } from '@safetune/eval';

import { printableName } from './printable.ts';
import { wrap } from './wrap.ts';

/**
 * A table about the modules of an adapter, whose first column holds their names. Where it is wider than `columns`, names
 * lose the beginning that they share, then the last columns shrink or go, and a line says which.
 */
export function adapterTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): string {
  const cells = rows.map((row) => row.map(printableName));
  const whole = textTable(header, cells);
  if (columns === undefined || widthOf(whole) <= columns) return whole;

  const shared = sharedBeginning(cells.map(([name]) => name!));
  const shorter = cells.map(([name, ...rest]) => [name!.slice(shared.length), ...rest]);
  const note = shared === '' ? [] : [`names begin with ${shared}`];
  for (let count = header.length; count > 1; count--) {
    const table = textTable(
      header.slice(0, count),
      shorter.map((row) => row.slice(0, count)),
    );
    if (widthOf(table) > columns && count > 2) continue;
    const left = header.slice(count).filter((title) => title !== '');
    const narrow = left.length === 0 ? [] : [`no room for: ${left.join(', ')}`];
    return [table, ...[...note, ...narrow].map((line) => wrap(line, columns))].join('\n');
  }
  return whole;
}

function widthOf(table: string): number {
  return Math.max(...table.split('\n').map((line) => line.length));
}

/** Up to and with the last dot that all names share. */
function sharedBeginning(names: readonly string[]): string {
  const [first = '', ...others] = names;
  let length = first.lastIndexOf('.') + 1;
  while (length > 0 && !others.every((name) => name.startsWith(first.slice(0, length)))) {
    length = first.lastIndexOf('.', length - 2) + 1;
  }
  return first.slice(0, length);
}
