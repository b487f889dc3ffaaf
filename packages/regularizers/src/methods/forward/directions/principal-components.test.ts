import { hostArray } from '@safetune/tensor';
import { expect, it } from 'vitest';
import { Random } from '../../../../../../conformance/random.ts';
import { DirectionsError, principalComponents } from '../../../index.ts';

/**
 * Rows with the variances 4, 1, 1/4, ... along known directions, the columns of a Householder reflection, and a mean far from 0. Each
 * direction has coordinates that are orthogonal to those of the others: Walsh functions of the row.
 */
function known(rows: number, width: number, rank: number) {
  const random = new Random(3);
  const normal = Float64Array.from({ length: width }, () => random.next() - 0.5);
  const square = normal.reduce((sum, value) => sum + value ** 2, 0);
  const axis = (index: number) =>
    normal.map((value, row) => (row === index ? 1 : 0) - (2 * value * normal[index]!) / square);
  const axes = Array.from({ length: rank }, (_, index) => axis(index));
  const sign = (row: number, index: number) => ((row >> index) & 1 ? 1 : -1);
  const data = Float32Array.from({ length: rows * width }, (_, at) => {
    const [row, column] = [Math.floor(at / width), at % width];
    return axes.reduce((sum, values, index) => sum + 2 ** -index * sign(row, index) * values[column]!, 0.5);
  });
  return { states: hostArray(data, [rows, width]), axes };
}

it.each([
  ['decomposed whole', 64, 40],
  ['by subspace iteration, more rows', 512, 150],
  ['by subspace iteration, more columns', 128, 400],
])('are the directions of the largest variances: %s', async (_name, rows, width) => {
  const { states, axes } = known(rows, width, 6);
  const { directions, shares } = await principalComponents(states, 4, 'test', 1);
  const total = axes.reduce((sum, _, index) => sum + 4 ** -index, 0);
  for (const [index, direction] of directions.entries()) {
    const along = direction.reduce((sum, value, row) => sum + value * axes[index]![row]!, 0);
    expect(Math.abs(along), `component ${index}`).toBeCloseTo(1, 4);
    expect(Math.hypot(...direction)).toBeCloseTo(1, 5);
    expect(shares[index]).toBeCloseTo(4 ** -index / total, 4);
    const largest = direction.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    expect(largest).toBeGreaterThan(0);
  }
});

it('refuses states that vary in fewer directions, or are not finite', async () => {
  const { states } = known(64, 40, 3);
  await expect(principalComponents(states, 4, 'bad', 7)).rejects.toThrow(
    /bad: layer 7: 64 states vary in 3 directions, but 4 are asked for/,
  );
  const same = hostArray(new Float32Array(20).fill(1), [5, 4]);
  await expect(principalComponents(same, 1, 'bad', 7)).rejects.toThrow(/5 states vary in 0 directions/);
  const broken = hostArray(Float32Array.of(1, Number.NaN, 2, 3), [2, 2]);
  await expect(principalComponents(broken, 1, 'bad', 7)).rejects.toSatisfy(DirectionsError.isInstance);
});
