import { type RandomStream, randomStream } from '../adapter/random-stream.ts';

/** How several matrices of one shape become one. Weights are taken with their signs. */
export interface Merging {
  /** What of each matrix is kept before: its largest values, random ones scaled up, or all. */
  readonly prune: 'none' | 'magnitude' | 'random';
  /** Whether values of the lesser sign are left out (TIES), or all are added. */
  readonly elect: boolean;
  /** Share of the values that pruning keeps. */
  readonly density: number;
  /** Whether a sign's weight in the election is the sum of its values or their count. */
  readonly majoritySign: 'total' | 'frequency';
  /** For random pruning. */
  readonly seed: number;
}

/**
 * Merges matrices of one size: task arithmetic (Ilharco et al. 2022, arXiv 2212.04089), after magnitude or random pruning
 * (DARE: Yu et al. 2023, arXiv 2311.03099), or by election of signs (TIES: Yadav et al. 2023, arXiv 2306.01708), as PEFT's
 * `merge_utils` does.
 */
export function mergeValues(
  tasks: readonly ArrayLike<number>[],
  weights: readonly number[],
  merging: Merging,
  label: string,
): Float64Array {
  const pruned = tasks.map((task, index) => {
    const values = Float64Array.from(task);
    if (merging.prune === 'magnitude') keepLargest(values, merging.density);
    if (merging.prune === 'random')
      keepSome(values, merging.density, randomStream(merging.seed, ['dare', label, index]));
    return values;
  });
  const result = new Float64Array(tasks[0]!.length);
  for (let at = 0; at < result.length; at++) {
    result[at] = merging.elect
      ? elected(pruned, weights, at, merging.majoritySign)
      : pruned.reduce((sum, values, index) => sum + weights[index]! * values[at]!, 0);
  }
  return result;
}

/** The weighted mean over those that have the majority's sign. */
function elected(
  tasks: readonly Float64Array[],
  weights: readonly number[],
  at: number,
  method: Merging['majoritySign'],
): number {
  const votes = tasks.reduce(
    (sum, values) => sum + (method === 'total' ? values[at]! : Math.sign(values[at]!)),
    0,
  );
  const majority = votes >= 0 ? 1 : -1;
  let [sum, count] = [0, 0];
  for (const [index, values] of tasks.entries()) {
    if (Math.sign(values[at]!) !== majority) continue;
    sum += weights[index]! * values[at]!;
    count += 1;
  }
  return sum / Math.max(count, 1);
}

/** Sets all but the largest magnitudes to zero; of equal ones the first stay. */
function keepLargest(values: Float64Array, density: number): void {
  if (density >= 1) return;
  const kept = Math.floor(density * values.length);
  const order = Uint32Array.from(values.keys()).sort(
    (a, b) => Math.abs(values[b]!) - Math.abs(values[a]!) || a - b,
  );
  for (const at of order.subarray(kept)) values[at] = 0;
}

/** Sets each value to zero with probability 1 - density, and scales the others so that the mean stays. */
function keepSome(values: Float64Array, density: number, random: RandomStream): void {
  if (density >= 1) return;
  for (let at = 0; at < values.length; at++)
    values[at] = random.uniform() < density ? values[at]! / density : 0;
}
