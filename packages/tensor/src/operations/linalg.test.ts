import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluateOne } from '../__fixtures__/evaluate.ts';
import { gradientError, relativeError } from '../__fixtures__/finite-differences.ts';
import { loweredOperators } from '../__fixtures__/lowered-operators.ts';
import { numbersOf, randomArray } from '../__fixtures__/random-array.ts';
import { compile, tensorType } from '../compile.ts';
import { ShapeError } from '../errors.ts';
import { gradients } from '../grad.ts';
import type { HostArray } from '../host-array.ts';
import { lower } from '../onnx/lower.ts';
import { useTemporaryDirectory } from '../safetensors/__fixtures__/temporary-directory.ts';
import { openSafetensors } from '../safetensors/read.ts';
import { writeSafetensors } from '../safetensors/write.ts';
import type { Tensor } from '../tensor.ts';
import { square } from './elementwise.ts';
import { input, weight } from './leaf.ts';
import { type MatmulOptions, matmul } from './linalg.ts';
import { sum } from './reduce.ts';
import { reshape } from './shape.ts';

/** alpha A B element by element, over broadcast leading axes. */
function product(a: HostArray, b: HostArray, { transposeA, transposeB, alpha = 1 }: MatmulOptions): number[] {
  const view = (x: HostArray, transposed = false) => {
    const axes = x.shape.map((_, axis) => axis);
    return transposed ? x.transpose(...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!) : x;
  };
  const [left, right] = [view(a, transposeA), view(b, transposeB)];
  const [rows, inner, columns] = [left.shape.at(-2)!, left.shape.at(-1)!, right.shape.at(-1)!];
  const rank = Math.max(a.shape.length, b.shape.length) - 2;
  const leading = Array.from({ length: rank }, (_, axis) =>
    Math.max(...[left, right].map((x) => x.shape.slice(0, -2).at(axis - rank) ?? 1)),
  );
  const at = (x: HostArray, index: readonly number[], row: number, column: number) => {
    const own = x.shape.slice(0, -2);
    const place = own.map((extent, axis) => (extent === 1 ? 0 : index[rank - own.length + axis]!));
    return x.get(...place, row, column) as number;
  };
  const result: number[] = [];
  const visit = (index: readonly number[]): void => {
    if (index.length < rank) {
      for (let i = 0; i < leading[index.length]!; i++) visit([...index, i]);
      return;
    }
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let total = 0;
        for (let k = 0; k < inner; k++) total += at(left, index, row, k) * at(right, index, k, column);
        result.push(alpha * total);
      }
    }
  };
  visit([]);
  return result;
}

/** Leading axes of the two operands and of the product. */
const batches: readonly (readonly [number[], number[], number[]])[] = [
  [[], [], []],
  [[2], [], [2]],
  [[2, 3], [], [2, 3]],
  [[], [2], [2]],
  [[2], [2], [2]],
  [[2, 1], [3], [2, 3]],
  [[1], [2], [2]],
  [[2], [1], [2]],
];

describe('matmul', () => {
  describe.each([
    [{}],
    [{ alpha: 0.5 }],
    [{ transposeA: true, alpha: 3 }],
    [{ transposeB: true, alpha: -2 }],
    [{ transposeA: true, transposeB: true, alpha: 0.25 }],
  ])('%j', (options: MatmulOptions) => {
    it.each(batches)('batches %j x %j', async (batchA, batchB, batch) => {
      const inputs = {
        a: randomArray([...batchA, ...(options.transposeA ? [4, 3] : [3, 4])], 1),
        b: randomArray([...batchB, ...(options.transposeB ? [2, 4] : [4, 2])], 2),
      };
      const found = await evaluateOne(({ a, b }) => matmul(a!, b!, options), inputs);
      expect(found.shape).toEqual([...batch, 3, 2]);
      const expected = product(inputs.a, inputs.b, options);
      expect(expected).toHaveLength(found.size);
      numbersOf(found).forEach((value, index) => {
        expect(value).toBeCloseTo(expected[index]!, 5);
      });
      expect(await gradientError(({ a, b }) => matmul(a!, b!, options), inputs)).toBeLessThan(1e-3);
    });
  });

  it('multiplies a tensor by itself', async () => {
    const inputs = { x: randomArray([3, 3], 1) };
    expect(await gradientError(({ x }) => matmul(x!, x!, { transposeB: true }), inputs)).toBeLessThan(1e-3);
  });

  it('works at every size of its symbols, also empty', async () => {
    const executable = await compile(
      ({ x, w }) => {
        const y = matmul(x, w, { transposeB: true });
        const [dx, dw] = gradients(sum(square(y)), [x, w]);
        return { y, dx: dx!, dw: dw! };
      },
      { x: tensorType('float32', ['batch', 'seq', 'width']), w: tensorType('float32', [2, 'width']) },
    );
    for (const [batch, seq, width] of [
      [1, 2, 3],
      [2, 1, 4],
      [0, 2, 3],
      [2, 0, 3],
      [1, 2, 0],
    ] as const) {
      const [x, w] = [randomArray([batch, seq, width], 1), randomArray([2, width], 2)];
      const { y, dx, dw } = await executable.run({ x, w });
      expect(y.shape).toEqual([batch, seq, 2]);
      const expected = product(x, w, { transposeB: true });
      numbersOf(y).forEach((value, index) => {
        expect(value).toBeCloseTo(expected[index]!, 5);
      });
      expect(dx.shape).toEqual([batch, seq, width]);
      expect(dw.shape).toEqual([2, width]);
      if (batch * seq === 0) expect(new Set(numbersOf(dw))).toEqual(new Set([0]));
    }
    await executable.release();
  });

  it('names the shapes as it would use them', () => {
    const float = (...shape: (number | string)[]) => input('x', tensorType('float32', shape));
    expect(() => matmul(float(2, 3), float(2, 3))).toThrow(ShapeError);
    expect(() => matmul(float(2, 3), float(2, 3))).toThrow(
      'matmul: [2, 3] x [2, 3]: inner extents 3 and 2 differ',
    );
    expect(() => matmul(float(2, 'n'), float(2, 'm'), { transposeA: true, transposeB: true })).toThrow(
      'matmul: [2, n]^T x [2, m]^T: inner extents 2 and m differ',
    );
    expect(() => matmul(float(3), float(3, 2))).toThrow('matmul: [3] x [3, 2]: both need at least two axes');
    expect(() => matmul(float(2, 3, 4), float(3, 4, 5))).toThrow('the leading axes do not broadcast');
    expect(() => matmul(float(2, 3), input('i', tensorType('int64', [3, 2])))).toThrow(
      'matmul: input 1 is int64',
    );
  });
});

describe('streamed weights', () => {
  const temporary = useTemporaryDirectory();

  it('give the products of weights that are rearranged', async () => {
    const file = join(temporary(), 'weights.safetensors');
    await writeSafetensors(file, { w: randomArray([5, 3], 1), other: randomArray([3, 3], 2) });
    const { tensors } = await openSafetensors(file);
    const signature = { x: tensorType('float32', ['batch', 'seq', 3]) };
    const products = ({ x }: { readonly x: Tensor }) => {
      const w = weight(tensors.get('w')!);
      const rows = reshape(x, ['batch*seq', 3]);
      return {
        cube: matmul(x, w, { transposeB: true }),
        matrix: matmul(rows, w, { transposeB: true, alpha: 0.5 }),
        // Not of this kind.
        untransposed: matmul(rows, weight(tensors.get('other')!)),
        computed: matmul(rows, rows, { transposeB: true }),
      };
    };
    const [plain, streamed] = [
      await compile(products, signature),
      await compile(products, signature, { streamWeights: true }),
    ];
    for (const [batch, seq] of [
      [1, 1],
      [7, 1],
      [2, 4],
    ]) {
      const x = randomArray([batch!, seq!, 3], 3);
      const [expected, found] = [await plain.run({ x }), await streamed.run({ x })];
      for (const name of ['cube', 'matrix', 'untransposed', 'computed'] as const) {
        expect(found[name].shape).toEqual(expected[name].shape);
        expect(relativeError(numbersOf(found[name]), numbersOf(expected[name])), name).toBeLessThan(1e-6);
      }
    }
    await Promise.all([plain.release(), streamed.release()]);
    const inputs = { x: input('x', signature.x) };
    const operators = (streamWeights: boolean) =>
      loweredOperators(lower(inputs, products(inputs), { streamWeights }).model);
    const transposes = (list: readonly string[]) => list.filter((name) => name === 'Transpose').length;
    expect([false, true].map((streams) => transposes(operators(streams)))).toEqual([0, 2]);
  });
});
