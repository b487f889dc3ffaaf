import {
  add,
  compile,
  contiguousData,
  gradients,
  type HostArray,
  hostArray,
  matmul,
  multiply,
  square,
  sum,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { addLowRankUpdate, type LowRankFactors } from './low-rank-update.ts';

const signature = {
  output: tensorType('float32', ['batch', 'seq', 5]),
  x: tensorType('float32', ['batch', 'seq', 6]),
  a: tensorType('float32', [2, 6]),
  b: tensorType('float32', [5, 2]),
};
type Inputs = Record<keyof typeof signature, Tensor>;

function fromPrimitives(output: Tensor, x: Tensor, { a, b, scale }: LowRankFactors): Tensor {
  return add(output, multiply(matmul(matmul(x, a, { transposeB: true }), b, { transposeB: true }), scale));
}

const wave = (shape: readonly number[], phase: number): HostArray =>
  hostArray(
    Float32Array.from({ length: shape.reduce((size, extent) => size * extent) }, (_, index) =>
      Math.sin(phase + 1.7 * index),
    ),
    shape,
  );
const arrays = {
  output: wave([2, 3, 5], 1),
  x: wave([2, 3, 6], 2),
  a: wave([2, 6], 3),
  b: wave([5, 2], 4),
};

describe('addLowRankUpdate', () => {
  it('is its primitive form, in value, gradients and second derivatives, none of them zero', async () => {
    const run = async (form: typeof addLowRankUpdate) => {
      const step = await compile(({ output, x, a, b }: Inputs) => {
        const y = form(output, x, { a, b, scale: 1.5 });
        const wanted = [output, x, a, b];
        const first = gradients(sum(square(y)), wanted);
        const second = gradients(first.map((each) => sum(square(each))).reduce(add), wanted);
        return Object.fromEntries([y, ...first, ...second].map((tensor, index) => [`${index}`, tensor]));
      }, signature);
      const results = await step.run(arrays);
      await step.release();
      return Object.values(results).map((array) => [...(contiguousData(array) as Float32Array)]);
    };
    const [found, expected] = [await run(addLowRankUpdate), await run(fromPrimitives)];
    expect(found).toHaveLength(9);
    for (const [index, values] of found.entries()) {
      const size = Math.hypot(...expected[index]!);
      expect(size).toBeGreaterThan(0.1);
      const distance = Math.hypot(...values.map((value, at) => value - expected[index]![at]!));
      expect(distance / size, `${index}`).toBeLessThan(1e-5);
    }
  });
});
