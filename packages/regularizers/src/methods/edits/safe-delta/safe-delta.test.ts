import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HostArray, hostArray, writeSafetensors } from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../../../conformance/python.ts';
import { RegularizerOptionError, SafeDeltaError, safeDelta } from '../../../index.ts';
import { compileMatrixProducts, type MatrixProducts } from '../../weights/safe-lora/products.ts';
import { inverseFactor } from './inverse-factor.ts';
import { takenValues } from './selection.ts';

let products: MatrixProducts;
beforeAll(async () => {
  products = await compileMatrixProducts();
});
afterAll(() => products.release());

let state = 5;
const draw = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};
const random = (rows: number, columns: number, size = 1) =>
  hostArray(
    Float32Array.from({ length: rows * columns }, () => size * draw()),
    [rows, columns],
  );

/** X^T X of [tokens, size] inputs. */
function momentsOf(tokens: number, size: number): HostArray {
  const x = Array.from({ length: tokens }, () => Float64Array.from({ length: size }, draw));
  const values = new Float64Array(size * size);
  for (const row of x)
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) values[i * size + j]! += row[i]! * row[j]!;
  return hostArray(Float32Array.from(values), [size, size]);
}

describe('inverseFactor', () => {
  it.each([3, 128, 300])('of %i rows is upper triangular, and U^T U inverts H', async (size) => {
    const h = momentsOf(2 * size, size);
    for (let at = 0; at < size; at++) (h.data as Float32Array)[at * (size + 1)]! += 0.1 * size;
    const factor = (await inverseFactor(h, products))!;
    for (let row = 0; row < size; row++)
      for (let column = 0; column < row; column++) expect(factor.get(row, column)).toBe(0);
    // (U H)^T = H U^T, so U H U^T is the identity.
    const product = await products.times(await products.times(factor, h), transposed(factor));
    for (let at = 0; at < size * size; at++)
      expect(Number(product.data[at])).toBeCloseTo(at % (size + 1) === 0 ? 1 : 0, 3);
  });

  it('of what is not positive definite there is none', async () => {
    const h = hostArray(Float32Array.of(1, 2, 2, 1), [2, 2]);
    expect(await inverseFactor(h, products)).toBeUndefined();
  });
});

function transposed(matrix: HostArray): HostArray {
  const [rows, columns] = matrix.shape as [number, number];
  const values = Float32Array.from({ length: rows * columns }, (_, at) =>
    Number(matrix.get(at % rows, Math.floor(at / rows))),
  );
  return hostArray(values, [columns, rows]);
}

describe('takenValues', () => {
  // 1 / d^2 is 4, 1, 1, 16: the second and third column come first, together, and row by row.
  const block = {
    before: new Float32Array(8),
    after: Float32Array.of(1, 1, 2, 1, 1, 1, 1, 1),
    rows: 2,
    diagonal: Float64Array.of(0.5, 1, 1, 0.25),
  };
  const scaleFor = (budget: number) => (budget * 2 * 4096) / (2 * 5.5);

  it('goes from the cheapest columns on until the budget is spent', () => {
    // Costs in the order of taking: 1, 4, 1, 1 in the two columns, then 4, 4, then 16.
    const takenAt = (budget: number) => [...takenValues(block, scaleFor(budget))];
    expect(takenAt(0.5)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(takenAt(5.5)).toEqual([0, 1, 1, 0, 0, 0, 0, 0]);
    expect(takenAt(11.5)).toEqual([1, 1, 1, 0, 0, 1, 1, 0]);
  });

  it('never takes the last 15 per cent', () => {
    expect([...takenValues(block, 1e9)]).toEqual([1, 1, 1, 1, 1, 1, 1, 0]);
  });
});

describe('safeDelta', () => {
  it('takes nothing at scale 0, and without changes gives the aligned weights', async () => {
    const [aligned, tuned, moments] = [random(6, 8), random(6, 8), momentsOf(20, 8)];
    const none = await safeDelta({ aligned, tuned, moments, samples: 2 }, { scale: 0 });
    expect([none.taken, none.values.data]).toEqual([0, aligned.data]);
    const same = await safeDelta({ aligned, tuned: aligned, moments, samples: 2 });
    expect(same.values.data).toEqual(aligned.data);
  });

  it('changes outputs on safe inputs less than the same values without compensation do', async () => {
    const [rows, columns] = [40, 200];
    const [aligned, change, moments] = [
      random(rows, columns),
      random(rows, columns, 0.1),
      momentsOf(60, columns),
    ];
    const tuned = hostArray(
      (aligned.data as Float32Array).map((value, at) => value + Number(change.data[at])),
      [rows, columns],
    );
    const { values, taken } = await safeDelta({ aligned, tuned, moments, samples: 1 }, { scale: 800 });
    expect(taken).toBeGreaterThan(0.05);
    expect(taken).toBeLessThan(0.8);
    const chosen = (tuned.data as Float32Array).map((value, at) =>
      values.data[at] === value ? value : Number(aligned.data[at]),
    );
    const damage = async (weights: Float32Array<ArrayBuffer>) => {
      const step = hostArray(
        weights.map((value, at) => value - Number(aligned.data[at])),
        [rows, columns],
      );
      const product = (await products.times(step, moments)).data as Float32Array;
      return product.reduce((sum, value, at) => sum + value * Number(step.data[at]), 0);
    };
    const compensated = await damage(values.data as Float32Array<ArrayBuffer>);
    expect(compensated).toBeLessThan(0.9 * (await damage(chosen)));
  });

  it('refuses options without a meaning, and arrays that do not fit', async () => {
    const layer = { aligned: random(3, 4), tuned: random(3, 4), moments: momentsOf(9, 4), samples: 3 };
    for (const options of [{ scale: -1 }, { scale: Number.NaN }, { blockColumns: 6 }, { scal: 1 } as never])
      await expect(safeDelta(layer, options)).rejects.toSatisfy(RegularizerOptionError.isInstance);
    const wrong = [
      { tuned: random(4, 3) },
      { moments: momentsOf(9, 3) },
      { samples: 0 },
      { moments: hostArray(new Float32Array(16).fill(Number.NaN), [4, 4]) },
      { tuned: hostArray(new Float32Array(12).fill(Number.NaN), [3, 4]), name: 'up_proj' },
    ];
    for (const part of wrong)
      await expect(safeDelta({ ...layer, ...part }, { scale: 1e6 })).rejects.toSatisfy(
        SafeDeltaError.isInstance,
      );
  });
});

const python = pythonWith('torch', 'safetensors');
describe.skipIf(python === undefined)('against PyTorch (skipped: no Python with torch)', () => {
  // Wider than the blocks of the factorisation and than a panel, which divide none of these widths.
  it.each([2048, 200])('a layer of 300 columns, by blocks of %i', async (blockColumns) => {
    const [rows, columns, tokens] = [48, 300, 700];
    const [aligned, change, inputs] = [
      random(rows, columns),
      random(rows, columns, 0.1),
      random(tokens, columns),
    ];
    // Inputs that go together, some strong and one never active.
    const x = inputs.data as Float32Array<ArrayBuffer>;
    for (let token = 0; token < tokens; token++) {
      for (let column = 1; column < columns; column++)
        x[token * columns + column]! += 0.7 * x[token * columns + column - 1]!;
      for (let column = 0; column < columns; column += 7) x[token * columns + column]! *= 5;
      x[token * columns + 40] = 0;
    }
    const tuned = hostArray(
      (aligned.data as Float32Array).map((value, at) => value + Number(change.data[at])),
      [rows, columns],
    );
    const moments = await products.transposedTimes(inputs, inputs);
    const scale = 900;
    const { values, taken } = await safeDelta(
      { aligned, tuned, moments, samples: 5 },
      { scale, blockColumns },
    );
    const directory = await mkdtemp(join(tmpdir(), 'safetune-safe-delta-'));
    try {
      const layer = join(directory, 'layer.safetensors');
      await writeSafetensors(layer, { aligned, tuned, inputs, written: values });
      const options = ['--samples', '5', '--scale', String(scale), '--block', String(blockColumns)];
      const found = (await runPython('verify_weight_edits.py', [
        'safe-delta',
        '--layer',
        layer,
        ...options,
      ])) as { largest: number; taken: number };
      expect(taken).toBeGreaterThan(0.1);
      expect(taken).toBeLessThan(0.8);
      // A value at the end of the budget may fall to the other side by rounding: one of 14,400.
      expect(Math.abs(taken - found.taken)).toBeLessThan(3e-4);
      expect(found.largest).toBeLessThan(0.02);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
