import { describe, expect, it } from 'vitest';
import { relativeError } from '../__fixtures__/finite-differences.ts';
import { loweredOperators } from '../__fixtures__/lowered-operators.ts';
import { numbersOf, randomArray } from '../__fixtures__/random-array.ts';
import { multipliesBlocksExactly } from '../block-probe.ts';
import { compile, tensorType } from '../compile.ts';
import { type HostArray, hostArray } from '../host-array.ts';
import { bestIntegerType } from '../integer-products.ts';
import { lower } from '../onnx/lower.ts';
import { constant, input } from './leaf.ts';
import { type QuantizedMatrix, quantizedMatmul } from './quantized.ts';
import { type IntegerType, zeroOf } from './quantized-lowering.ts';

const isExact = await multipliesBlocksExactly();
/** Where the kernels of blocks are not exact, the others are used, which take this type. */
const types: readonly IntegerType[] = isExact ? ['int8', 'uint8'] : [await bestIntegerType()];

/** Every value that there is, and scales that are different. */
function matrixOf(type: IntegerType, outer: number, inner: number) {
  const numbers = Array.from({ length: outer * inner }, (_, at) => ((at * 83) % 255) - 127);
  const held = numbers.map((value) => value + zeroOf[type]);
  const array = type === 'int8' ? Int8Array.from(held) : Uint8Array.from(held);
  const scales = Float32Array.from({ length: outer }, (_, row) => 0.01 * (row + 1));
  const matrix: QuantizedMatrix = {
    values: constant(hostArray(array, [outer, inner])),
    scale: constant(hostArray(scales, [outer])),
  };
  return { matrix, weight: (row: number, at: number) => numbers[row * inner + at]! * scales[row]! };
}

/** Each block of a row of x in 127 steps to its largest magnitude. */
function rounded(row: readonly number[], size: number): number[] {
  return row.map((value, at) => {
    const start = at - (at % size);
    const step = Math.max(...row.slice(start, start + size).map(Math.abs)) / 127;
    return step === 0 ? 0 : Math.round(value / step) * step;
  });
}

async function run(matrix: QuantizedMatrix, x: HostArray): Promise<HostArray> {
  const executable = await compile(
    (tensors) => ({ y: quantizedMatmul(tensors.x, matrix, { transposeB: true }) }),
    { x: tensorType('float32', [...x.shape.slice(0, -1).map((_, axis) => `n${axis}`), x.shape.at(-1)!]) },
    { prepackWeights: true, roundInBlocks: true },
  );
  const { y } = await executable.run({ x });
  await executable.release();
  return y;
}

describe.each(types)('products with %s that round in blocks', (type) => {
  const extents: [rows: number, inner: number, size: number][] = [
    [1, 384, 128],
    [7, 192, 64],
    [16, 96, 32],
    [2, 48, 16],
  ];
  it.each(extents)('of %i rows of %i: each block of %i has its own scale', async (rows, inner, size) => {
    const { matrix, weight } = matrixOf(type, 13, inner);
    const x = randomArray([rows, inner], 1);
    // A number that would take all digits of the others, were they not in other blocks.
    x.set(0, 0, 1e4);
    const found = numbersOf(await run(matrix, x));
    const expected = Array.from({ length: rows }, (_, row) => {
      const values = Array.from({ length: inner }, (_, at) => x.get(row, at) as number);
      const steps = rounded(values, isExact ? size : inner);
      return Array.from({ length: 13 }, (_, out) =>
        steps.reduce((sum, v, at) => sum + v * weight(out, at), 0),
      );
    });
    for (const [row, values] of expected.entries())
      expect(relativeError(found.slice(row * 13, row * 13 + 13), values)).toBeLessThan(2e-4);
  });

  it('take any leading axes, none, and no rows', async () => {
    const { matrix } = matrixOf(type, 5, 64);
    const x = randomArray([2, 3, 64], 1);
    const cube = await run(matrix, x);
    expect(cube.shape).toEqual([2, 3, 5]);
    const vector = await run(matrix, hostArray((x.data as Float32Array).slice(64, 128), [64]));
    expect(vector.shape).toEqual([5]);
    expect(relativeError(numbersOf(vector), numbersOf(cube).slice(5, 10))).toBeLessThan(1e-6);
    expect((await run(matrix, hostArray(new Float32Array(0), [0, 64]))).shape).toEqual([0, 5]);
  });

  it('keep zeros, and pass on what is not finite, each in its row', async () => {
    const { matrix } = matrixOf(type, 5, 256);
    const x = randomArray([4, 256], 1);
    for (let at = 0; at < 256; at++) x.set(0, at, 0);
    x.set(1, 255, Number.NaN);
    x.set(2, 130, Number.NEGATIVE_INFINITY);
    const found = numbersOf(await run(matrix, x));
    expect(found.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(found.slice(5, 15).some(Number.isFinite)).toBe(false);
    expect(found.slice(15).every(Number.isFinite)).toBe(true);
  });
});

it('is one operator where the weight is constant, comes in blocks, and has no residual', () => {
  const { values, scale } = matrixOf('uint8', 3, 48).matrix;
  const x = input('x', tensorType('float32', ['rows', 48]));
  const fed = input('fed', tensorType('uint8', [3, 48]));
  const odd = matrixOf('uint8', 48, 3).matrix;
  const operators = (matrix: QuantizedMatrix, transposeB = true) => {
    const y = quantizedMatmul(x, matrix, { transposeB });
    return loweredOperators(lower({ x, fed }, { y }, { roundInBlocks: true }).model);
  };
  expect(operators({ values, scale })).toContain('MatMulNBits');
  for (const other of [
    operators({ values: fed, scale }),
    operators({ values, scale, residual: values }),
    operators(odd, false),
  ]) {
    expect(other).toContain('QGemm');
    expect(other).not.toContain('MatMulNBits');
  }
});

it('does not remember that a provider was not there', async () => {
  for (let attempt = 0; attempt < 2; attempt++)
    await expect(multipliesBlocksExactly('nowhere' as 'cpu')).rejects.toThrow(/'nowhere' is not available/);
});
