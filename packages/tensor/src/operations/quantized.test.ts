import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate, evaluateOne, signatureOf } from '../__fixtures__/evaluate.ts';
import { relativeError } from '../__fixtures__/finite-differences.ts';
import { arrayOf, numbersOf, randomArray, randomNumbers } from '../__fixtures__/random-array.ts';
import { compile, tensorType } from '../compile.ts';
import { GradientError, ShapeError } from '../errors.ts';
import { gradients } from '../grad.ts';
import { type HostArray, hostArray } from '../host-array.ts';
import { exactIntegerTypes } from '../integer-products.ts';
import type { Tensor } from '../tensor.ts';
import { multiply } from './elementwise.ts';
import { constant, input } from './leaf.ts';
import { matmul } from './linalg.ts';
import { dequantize, type QuantizedMatrix, quantizedMatmul } from './quantized.ts';
import type { IntegerType } from './quantized-lowering.ts';
import { sum } from './reduce.ts';

/** Every kernel that is exact on this machine; without VNNI there is one. */
const types = await exactIntegerTypes();

interface HostMatrix {
  readonly values: HostArray;
  readonly scale: HostArray;
  readonly residual: HostArray;
}

/** Written out here once more, so that the test does not share an error with the cache. */
function quantizeAs(type: IntegerType, matrix: HostArray): HostMatrix {
  const [rows, columns] = matrix.shape as [number, number];
  const [make, zero] = type === 'int8' ? [Int8Array, 0] : [Uint8Array, 128];
  const [values, residual] = [new make(matrix.size).fill(zero), new make(matrix.size).fill(zero)];
  const scale = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      scale[row] = Math.max(scale[row]!, Math.abs(matrix.get(row, column) as number) / 127);
    }
    for (let column = 0; column < columns && scale[row]! > 0; column++) {
      const steps = (matrix.get(row, column) as number) / scale[row]!;
      values[row * columns + column] = zero + Math.round(steps);
      residual[row * columns + column] = zero + Math.round(254 * (steps - Math.round(steps)));
    }
  }
  return {
    values: hostArray(values, [rows, columns]),
    scale: hostArray(scale, [rows]),
    residual: hostArray(residual, [rows, columns]),
  };
}

/** How a matrix gets into the graph. */
function constants({ values, scale, residual }: HostMatrix, precision: 'int8' | 'int8x3'): QuantizedMatrix {
  const parts = { values: constant(values), scale: constant(scale) };
  return precision === 'int8' ? parts : { ...parts, residual: constant(residual) };
}

/** Sums of six uniform numbers, near enough to normal ones. */
function normalArray(shape: readonly number[], seed: number): HostArray {
  const array = randomArray(shape, seed);
  const next = randomNumbers(seed + 1);
  const data = array.data as Float32Array;
  for (let index = 0; index < data.length; index++) {
    data[index] = Array.from({ length: 6 }, next).reduce((a, b) => a + b) - 3;
  }
  return array;
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((s, value, at) => s + value * y[at]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Quantised and float32 product and its gradient with respect to x, of random operands. */
async function compareWithFloat(
  type: IntegerType,
  [rows, inner, outer]: readonly [number, number, number],
  precision: 'int8' | 'int8x3',
) {
  const weights = normalArray([outer, inner], 1);
  const matrix = constants(quantizeAs(type, weights), precision);
  const found = await evaluate(
    ({ x, g, w }) => {
      const quantized = quantizedMatmul(x!, matrix, { transposeB: true });
      const exact = matmul(x!, w!, { transposeB: true });
      const gradient = (y: Tensor) => gradients(sum(multiply(y, g!)), [x!])[0]!;
      return { quantized, exact, gradient: gradient(quantized), exactGradient: gradient(exact) };
    },
    { x: normalArray([rows, inner], 2), g: normalArray([rows, outer], 3), w: weights },
  );
  return {
    value: [numbersOf(found.quantized), numbersOf(found.exact)] as const,
    gradient: [numbersOf(found.gradient), numbersOf(found.exactGradient)] as const,
  };
}

it('is exact here in one type at least', () => {
  expect(types).not.toEqual([]);
});

describe.each(types)('quantizedMatmul of %s', (type) => {
  const quantize = (matrix: HostArray) => quantizeAs(type, matrix);
  const extents: [number, number, number][] = [
    [7, 65, 33],
    [33, 129, 65],
    [1, 896, 128],
    [64, 512, 257],
  ];

  it.each(extents)('is within 1.2 %% of the float32 product, %i x %i to %i', async (rows, inner, outer) => {
    const { value, gradient } = await compareWithFloat(type, [rows, inner, outer], 'int8');
    for (const [found, exact] of [value, gradient]) {
      expect(relativeError(found, exact)).toBeLessThan(1.2e-2);
      expect(relativeError(found, exact)).toBeGreaterThan(1e-4);
      expect(cosine(found, exact)).toBeGreaterThan(0.9999);
    }
  });

  it.each(extents)('with a residual is within 1e-4, %i x %i to %i', async (rows, inner, outer) => {
    const { value, gradient } = await compareWithFloat(type, [rows, inner, outer], 'int8x3');
    for (const [found, exact] of [value, gradient]) expect(relativeError(found, exact)).toBeLessThan(1e-4);
  });

  it('is off by no more than half a step of x in each term, in both orientations', async () => {
    const magnitude = fc.float({ min: -1, max: 1, noNaN: true });
    const extent = fc.integer({ min: 1, max: 9 });
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(extent, extent, extent, fc.boolean()),
        fc.infiniteStream(magnitude),
        fc.integer({ min: -20, max: 20 }),
        async ([rows, inner, outer, transposeB], stream, exponent) => {
          const take = (shape: readonly number[], factor: number) => {
            const next = () => factor * (stream.next().value as number);
            return hostArray(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next), shape);
          };
          const matrix = quantize(take(transposeB ? [outer, inner] : [inner, outer], 1));
          const x = take([rows, inner], 2 ** exponent);
          const found = await evaluateOne(
            (tensors) => quantizedMatmul(tensors.x!, constants(matrix, 'int8'), { transposeB }),
            { x },
          );
          const [values, scale] = [matrix.values, matrix.scale.data as Float32Array];
          for (let row = 0; row < rows; row++) {
            // What is rounded: without the transpose the rows' scales are moved to x.
            const rounded = Array.from(
              { length: inner },
              (_, at) => (x.get(row, at) as number) * (transposeB ? 1 : scale[at]!),
            );
            const step = Math.max(...rounded.map(Math.abs)) / 127;
            for (let column = 0; column < outer; column++) {
              const terms = rounded.map((value, at) => {
                const zero = type === 'int8' ? 0 : 128;
                const weight = transposeB
                  ? ((values.get(column, at) as number) - zero) * scale[column]!
                  : (values.get(at, column) as number) - zero;
                return [value * weight, Math.abs(weight)] as const;
              });
              const exact = terms.reduce((total, [term]) => total + term, 0);
              const bound = (step / 2) * terms.reduce((total, [, weight]) => total + weight, 0);
              const distance = Math.abs((found.get(row, column) as number) - exact);
              expect(distance).toBeLessThanOrEqual(bound * 1.001 + Math.abs(exact) * 1e-5 + 1e-30);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('differentiates as the product with the matrix it stands for', async () => {
    const weights = quantize(normalArray([48, 80], 1));
    const { found, exact } = await evaluate(
      ({ x, g }) => {
        const matrix = constants(weights, 'int8x3');
        const y = quantizedMatmul(x!, matrix, { transposeB: true });
        const [found] = gradients(sum(multiply(y, g!)), [x!]);
        return { found: found!, exact: matmul(g!, dequantize(matrix)) };
      },
      { x: normalArray([6, 80], 2), g: normalArray([6, 48], 3) },
    );
    expect(relativeError(numbersOf(found), numbersOf(exact))).toBeLessThan(1e-4);
  });

  it('keeps rows apart: zeros stay zeros, an outlier coarsens only its own row', async () => {
    const matrix = quantize(normalArray([5, 8], 1));
    const x = normalArray([4, 8], 2);
    for (let at = 0; at < 8; at++) x.set(1, at, 0);
    const run = (precision: 'int8' | 'int8x3') =>
      evaluateOne(
        (tensors) => quantizedMatmul(tensors.x!, constants(matrix, precision), { transposeB: true }),
        { x },
      );
    for (const precision of ['int8', 'int8x3'] as const) {
      x.set(2, 0, 1);
      const before = numbersOf(await run(precision));
      expect(before.slice(5, 10)).toEqual([0, 0, 0, 0, 0]);
      expect(before.every(Number.isFinite)).toBe(true);
      x.set(2, 0, 1e6);
      const after = numbersOf(await run(precision));
      expect(after.slice(0, 10)).toEqual(before.slice(0, 10));
      expect(after.slice(15)).toEqual(before.slice(15));
      expect(after.slice(10, 15)).not.toEqual(before.slice(10, 15));
    }
  });

  it.each(['int8', 'int8x3'] as const)(
    '%s: rows that are not finite do not come out as numbers',
    async (precision) => {
      const matrix = quantize(normalArray([3, 40], 1));
      const x = normalArray([41, 40], 2);
      for (let row = 0; row < 40; row++)
        x.set(row, row, row % 2 === 0 ? Number.NaN : Number.NEGATIVE_INFINITY);
      const found = await evaluateOne(
        (tensors) => quantizedMatmul(tensors.x!, constants(matrix, precision), { transposeB: true }),
        { x },
      );
      const finite = numbersOf(found).map(Number.isFinite);
      expect(finite.slice(0, 120)).not.toContain(true);
      expect(finite.slice(120)).toEqual([true, true, true]);
    },
  );

  it('does not lose the small part of a softmax gradient over a vocabulary', async () => {
    // 20,000 equal probabilities and a label; embeddings that have much in common, as real ones do.
    const [vocabulary, width] = [20_000, 8];
    const embeddings = normalArray([vocabulary, width], 1);
    const data = embeddings.data as Float32Array;
    for (let index = 0; index < data.length; index++) data[index]! += 1;
    const g = arrayOf([2, vocabulary], ...new Array<number>(2 * vocabulary).fill(1 / vocabulary));
    g.set(0, 17, 1 / vocabulary - 1);
    g.set(1, 19_999, 1 / vocabulary - 1);
    const errorOf = async (precision: 'int8' | 'int8x3') => {
      const { found, exact } = await evaluate(
        (tensors) => ({
          found: quantizedMatmul(tensors.g!, constants(quantize(embeddings), precision)),
          exact: matmul(tensors.g!, tensors.w!),
        }),
        { g, w: embeddings },
      );
      return relativeError(numbersOf(found), numbersOf(exact));
    };
    expect(await errorOf('int8')).toBeLessThan(2e-2);
    expect(await errorOf('int8x3')).toBeLessThan(3e-4);
  });

  it('takes any leading axes, none, and no rows, and weights that are fed', async () => {
    const weights = normalArray([3, 16], 1);
    const host = quantize(weights);
    const x = normalArray([2, 5, 16], 2);
    const product = await evaluateOne(
      (tensors) => quantizedMatmul(tensors.x!, constants(host, 'int8x3'), { transposeB: true }),
      { x },
    );
    expect(product.shape).toEqual([2, 5, 3]);
    const vector = await evaluateOne(
      (tensors) => quantizedMatmul(tensors.x!, constants(host, 'int8x3'), { transposeB: true }),
      { x: hostArray((x.data as Float32Array).slice(0, 16), [16]) },
    );
    expect(vector.shape).toEqual([3]);
    expect(numbersOf(vector)).toEqual(numbersOf(product).slice(0, 3));
    const fed = await evaluateOne(
      ({ x, values, scale, residual }) =>
        quantizedMatmul(x!, { values: values!, scale: scale!, residual: residual! }, { transposeB: true }),
      { x, ...host },
      { ...signatureOf({ x, ...host }), x: tensorType('float32', ['batch', 'seq', 16]) },
    );
    expect(numbersOf(fed)).toEqual(numbersOf(product));

    const executable = await compile(
      ({ g }) => ({
        forward: quantizedMatmul(g, constants(quantize(normalArray([5, 3], 1)), 'int8x3'), {
          transposeB: true,
        }),
        backward: quantizedMatmul(g, constants(host, 'int8x3')),
      }),
      { g: tensorType('float32', ['rows', 3]) },
      { prepackWeights: true },
    );
    const { forward, backward } = await executable.run({ g: hostArray(new Float32Array(0), [0, 3]) });
    expect(forward.shape).toEqual([0, 5]);
    expect(backward.shape).toEqual([0, 16]);
    await executable.release();
  });

  it('gives the same numbers from rearranged weights', async () => {
    const weights = quantize(normalArray([130, 70], 1));
    const x = normalArray([9, 70], 2);
    const run = async (prepackWeights: boolean) => {
      const executable = await compile(
        (tensors) => ({ y: quantizedMatmul(tensors.x, constants(weights, 'int8'), { transposeB: true }) }),
        { x: tensorType('float32', [9, 70]) },
        { prepackWeights },
      );
      const { y } = await executable.run({ x });
      await executable.release();
      return numbersOf(y);
    };
    expect(await run(true)).toEqual(await run(false));
  });

  it('adds up more terms than 32 bits hold of the largest, as long as the sum is held', async () => {
    // Of the unsigned kernel's own sums, those of numbers around 128, are beyond 2^31 from 131,072 terms on.
    const [inner, outer] = [300_000, 3];
    const next = randomNumbers(5);
    const spread = (rows: number, columns: number) =>
      Float32Array.from({ length: rows * columns }, () => Math.round(254 * next()) - 127);
    const w = hostArray(spread(inner, outer), [inner, outer]);
    for (let row = 0; row < inner; row++) w.set(row, row % outer, row % 2 === 0 ? 127 : -127);
    const x = hostArray(spread(2, inner), [2, inner]);
    for (const row of [0, 1]) x.set(row, 0, 127);
    const matrix = quantize(w);
    const found = await evaluateOne(
      (tensors) => quantizedMatmul(tensors.x!, { values: tensors.values!, scale: constant(matrix.scale) }),
      { x, values: matrix.values },
    );
    for (const row of [0, 1]) {
      for (let column = 0; column < outer; column++) {
        let exact = 0;
        for (let k = 0; k < inner; k++) exact += (x.get(row, k) as number) * (w.get(k, column) as number);
        expect(Math.abs((found.get(row, column) as number) - exact)).toBeLessThan(300);
      }
    }
  });
});

describe('quantizedMatmul', () => {
  const x = input('x', tensorType('float32', ['rows', 4]));
  const values = input('values', tensorType('int8', [3, 4]));
  const scale = input('scale', tensorType('float32', [3]));

  it('refuses what does not fit', () => {
    const refused = (act: () => unknown, message: RegExp) => {
      expect(act).toThrow(ShapeError);
      expect(act).toThrow(message);
    };
    refused(() => quantizedMatmul(x, { values, scale }), /x must be float32 with 3 as its last extent/);
    refused(
      () => quantizedMatmul(values, { values, scale }, { transposeB: true }),
      /int8\[3, 4\] x \[3, 4\]\^T: x must be float32 with 4/,
    );
    const floats = input('w', tensorType('float32', [3, 4]));
    refused(() => quantizedMatmul(x, { values: floats, scale }), /got float32\[3, 4\], float32\[3\]/);
    refused(() => dequantize({ values, scale: floats }), /dequantize: a quantised matrix is int8.* or uint8/);
    refused(() => dequantize({ values, scale, residual: floats }), /got int8.*float32.*float32\[3, 4\]/);
    const unsigned = input('q', tensorType('uint8', [3, 4]));
    refused(() => dequantize({ values, scale, residual: unsigned }), /got int8.*float32.*uint8/);
    const unknown = input('u', tensorType('int8', ['rows', 4]));
    refused(() => quantizedMatmul(x, { values: unknown, scale }), /fixed extents/);
  });

  it('refuses gradients of the matrix', () => {
    const y = sum(quantizedMatmul(x, { values, scale }, { transposeB: true }));
    for (const part of [values, scale]) {
      expect(() => gradients(y, [part])).toThrow(GradientError);
      expect(() => gradients(y, [part])).toThrow(/quantised matrix has no gradient/);
    }
    expect(() => gradients(sum(dequantize({ values, scale })), [scale])).toThrow(
      /dequantize cannot be differ/,
    );
  });
});

describe('dequantize', () => {
  it('is scale times the values, and the residual in steps of a 254th', async () => {
    const scale = hostArray(Float32Array.of(0.5, 2), [2]);
    const [values, residual] = [Int8Array.of(127, -3, 0, -127), Int8Array.of(0, 127, -127, 127)];
    const unsigned = (numbers: Int8Array) => Uint8Array.from(numbers, (value) => value + 128);
    for (const host of [
      { values: hostArray(values, [2, 2]), scale, residual: hostArray(residual, [2, 2]) },
      { values: hostArray(unsigned(values), [2, 2]), scale, residual: hostArray(unsigned(residual), [2, 2]) },
    ]) {
      const { coarse, fine } = await evaluate(() => ({
        coarse: dequantize(constants(host, 'int8')),
        fine: dequantize(constants(host, 'int8x3')),
      }));
      expect(numbersOf(coarse)).toEqual([63.5, -1.5, 0, -254]);
      expect(numbersOf(fine)).toEqual([63.5, -1.25, -1, -253]);
    }
  });
});
