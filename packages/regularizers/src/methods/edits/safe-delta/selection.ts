/** Some columns of a weight before and after fine-tuning, [rows, columns], row-major. */
export interface ColumnBlock {
  readonly before: Float32Array;
  readonly after: Float32Array;
  readonly rows: number;
  /** d: the diagonal of U at these columns, above 0. */
  readonly diagonal: Float64Array;
}

/** The authors leave this share, where a change costs most, as it was whatever the budget. */
const neverTaken = 0.15;
/** The width of the models that the authors state the scale for. */
const statedWidth = 4096;

/**
 * Which fine-tuned values a block takes: a change costs (w_after - w)^2 / d^2 in the outputs on safe answers, and gains as much as
 * its square, so values are taken column by column from the smallest 1 / d^2 on while their costs sum to no more than
 * scale / 2 rows / 4096 mean(1 / d^2).
 *
 * @returns [rows, columns], 1 where the fine-tuned value is taken.
 */
export function takenValues(
  { before, after, rows, diagonal }: ColumnBlock,
  scale: number,
): Uint8Array<ArrayBuffer> {
  const columns = diagonal.length;
  const importance = diagonal.map((d) => 1 / d ** 2);
  const mean = importance.reduce((sum, value) => sum + value, 0) / columns;
  const budget = ((mean * scale) / 2) * (rows / statedWidth);
  const taken = new Uint8Array(rows * columns);
  let left = taken.length - Math.floor(neverTaken * taken.length);
  let cost = 0;
  for (const group of equalColumns(importance)) {
    for (let row = 0; row < rows; row++) {
      for (const column of group) {
        if (left === 0) return taken;
        const at = row * columns + column;
        cost += (after[at]! - before[at]!) ** 2 * importance[column]!;
        if (cost > budget) return taken;
        taken[at] = 1;
        left -= 1;
      }
    }
  }
  return taken;
}

/** Columns by their importance, the least first; equal ones, as of inputs that are never active, together. */
function equalColumns(importance: Float64Array): number[][] {
  const order = [...importance.keys()].sort((a, b) => importance[a]! - importance[b]! || a - b);
  const groups: number[][] = [];
  for (const column of order) {
    const last = groups.at(-1);
    if (last !== undefined && importance[last[0]!] === importance[column]) last.push(column);
    else groups.push([column]);
  }
  return groups;
}
