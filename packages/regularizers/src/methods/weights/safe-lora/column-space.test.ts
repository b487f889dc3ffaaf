import { type HostArray, hostArray, svd } from '@safetune/tensor';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leadingColumnSpace, type Truncation } from './column-space.ts';
import { compileMatrixProducts, type MatrixProducts } from './products.ts';
import { project, projectorOnto } from './projector.ts';

let products: MatrixProducts;
beforeAll(async () => {
  products = await compileMatrixProducts();
});
afterAll(() => products.release());

/** A sum of `rank` outer products of random vectors, each `decay` times the one before. */
function decaying(
  rows: number,
  columns: number,
  decay: number,
  rank = 40,
): { values: HostArray; norm: number } {
  let state = 7;
  const draw = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const data = new Float32Array(rows * columns);
  for (let k = 0; k < rank; k++) {
    const [left, right] = [Array.from({ length: rows }, draw), Array.from({ length: columns }, draw)];
    for (let i = 0; i < data.length; i++)
      data[i]! += decay ** k * left[Math.floor(i / columns)]! * right[i % columns]!;
  }
  return directionOf(data, rows, columns);
}

function directionOf(data: Float32Array, rows: number, columns: number) {
  return { values: hostArray(data, [rows, columns]), norm: Math.hypot(...data) };
}

function entry(matrix: HostArray, row: number, column: number): number {
  return matrix.data[row * matrix.shape[1]! + column] as number;
}

/** sum_i |u_i^T w|^2 over the columns of both: k when they span the same. */
function overlap(u: HostArray, w: HostArray, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      let product = 0;
      for (let row = 0; row < u.shape[0]!; row++) product += entry(u, row, i) * entry(w, row, j);
      sum += product ** 2;
    }
  }
  return sum;
}

describe('leadingColumnSpace', () => {
  it.each([
    ['tall', 260, 150],
    ['wide', 150, 260],
    ['small, decomposed whole', 60, 40],
  ])('spans what the singular value decomposition spans: %s', async (_name, rows, columns) => {
    const direction = decaying(rows, columns, 0.8);
    const rank = 6;
    const found = await leadingColumnSpace(direction, { rank }, products);
    expect(found.shape).toEqual([rows, rank]);
    expect(overlap(found, svd(direction.values).u, rank)).toBeCloseTo(rank, 4);
    expect(overlap(found, found, rank)).toBeCloseTo(rank, 4);
  });

  it('takes the fewest directions that hold the energy, of small and of large matrices', async () => {
    for (const [rows, columns] of [
      [60, 40],
      [300, 250],
    ] as const) {
      const direction = decaying(rows, columns, 0.7);
      const squares = svd(direction.values).s.map((value) => value ** 2);
      for (const energy of [0.5, 0.9, 0.999]) {
        let [count, sum] = [0, 0];
        while (sum < energy * direction.norm ** 2) sum += squares[count++]!;
        const { shape } = await leadingColumnSpace(direction, { energy }, products);
        expect(shape).toEqual([rows, count]);
      }
    }
  });

  it.each([
    [300, 250],
    [60, 40],
  ])('has no more columns than V has rank, of a [%i, %i]', async (rows, columns) => {
    const direction = decaying(rows, columns, 0.8, 3);
    for (const truncation of [{ rank: 20 }, { energy: 1 }]) {
      const { shape } = await leadingColumnSpace(direction, truncation, products);
      expect(shape).toEqual([rows, 3]);
    }
  });
});

describe('the exact projector', () => {
  const size = fc.integer({ min: 1, max: 12 });
  const entries = (count: number) =>
    fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: count, maxLength: count });
  const scene = fc.tuple(size, size, fc.integer({ min: 1, max: 4 })).chain(([out, columns, rank]) =>
    fc.record({
      v: entries(out * columns).filter((values) => Math.hypot(...values) > 0.1),
      b: entries(out * 2),
      other: entries(out * 2),
      out: fc.constant(out),
      truncation: fc.oneof(fc.constant<Truncation>({ rank }), fc.constant<Truncation>({ energy: 0.8 })),
    }),
  );

  it('is idempotent, symmetric and never makes longer, for any V and B', async () => {
    await fc.assert(
      fc.asyncProperty(scene, async ({ v, b, other, out, truncation }) => {
        const direction = directionOf(Float32Array.from(v), out, v.length / out);
        const projector = await projectorOnto(direction, { method: 'exact', ...truncation }, products);
        const [x, y] = [b, other].map((values) => hostArray(Float32Array.from(values), [out, 2])) as [
          HostArray,
          HostArray,
        ];
        const once = await project(projector, x, products);
        const twice = await project(projector, once, products);
        const otherOnce = await project(projector, y, products);
        const inner = (left: HostArray, right: HostArray) =>
          (left.data as Float32Array).reduce(
            (sum, value, index) => sum + value * Number(right.data[index]),
            0,
          );
        const scale = 1 + inner(x, x) + inner(y, y);
        for (let index = 0; index < once.size; index++) {
          expect(Math.abs(Number(once.data[index]) - Number(twice.data[index]))).toBeLessThan(1e-5 * scale);
        }
        expect(Math.abs(inner(once, y) - inner(x, otherOnce))).toBeLessThan(1e-5 * scale);
        expect(inner(once, once)).toBeLessThanOrEqual(inner(x, x) + 1e-5 * scale);
      }),
      { numRuns: 60 },
    );
  });
});
