import { describe, expect, it } from 'vitest';
import { evaluate } from './__fixtures__/evaluate.ts';
import { gradientError } from './__fixtures__/finite-differences.ts';
import { numbersOf, randomArray } from './__fixtures__/random-array.ts';
import { checkpoint } from './checkpoint.ts';
import { ancestors, gradients } from './grad.ts';
import { add, exp, multiply, sin } from './operations/elementwise.ts';
import { matmul } from './operations/linalg.ts';
import { sum } from './operations/reduce.ts';
import type { Tensor } from './tensor.ts';

type Inputs = Readonly<Record<string, Tensor>>;

/** Two blocks x -> x + sin(x W) exp(s), where W and s are used without being inputs of the block. */
function blocks({ x, w, s }: Inputs, arrange: (fn: (x: Tensor) => Tensor, x: Tensor) => Tensor): Tensor {
  const block = (state: Tensor) => add(state, multiply(sin(matmul(state, w!)), exp(s!)));
  return arrange(block, arrange(block, x!));
}

const plainly = (fn: (x: Tensor) => Tensor, x: Tensor) => fn(x);
const checkpointed = (recompute: boolean) => (fn: (x: Tensor) => Tensor, x: Tensor) =>
  checkpoint((state) => [fn(state)], [x], { recompute })[0]!;

const inputs = { x: randomArray([3, 4], 1), w: randomArray([4, 4], 2), s: randomArray([], 3) };

describe.each([true, false])('checkpoint, recompute %s', (recompute) => {
  it('gives the same value and the same gradients of inputs and captured tensors', async () => {
    const step = (arrange: typeof plainly) => (traced: Inputs) => {
      const value = sum(blocks(traced, arrange));
      const [dx, dw, ds] = gradients(value, [traced.x!, traced.w!, traced.s!]);
      return { value, dx: dx!, dw: dw!, ds: ds! };
    };
    const expected = await evaluate(step(plainly), inputs);
    const actual = await evaluate(step(checkpointed(recompute)), inputs);
    for (const name of ['value', 'dx', 'dw', 'ds'] as const) {
      const truth = numbersOf(expected[name]);
      for (const [index, value] of numbersOf(actual[name]).entries())
        expect(value).toBeCloseTo(truth[index]!, 4);
    }
    expect(numbersOf(actual.ds)[0]).not.toBe(0);
  });

  it('agrees with finite differences', async () => {
    expect(await gradientError((traced) => blocks(traced, checkpointed(recompute)), inputs)).toBeLessThan(
      1e-3,
    );
  });

  it(`computes the inside ${recompute ? 'again' : 'once'} for the backward pass`, async () => {
    let products = 0;
    await evaluate((traced) => {
      const value = sum(blocks(traced, checkpointed(recompute)));
      const [dw] = gradients(value, [traced.w!]);
      products = ancestors([dw!.node]).filter(({ operation }) => operation.name === 'matmul').length;
      return { dw: dw! };
    }, inputs);
    // Two products forward, two for dW, one for dX; recomputing, the first block's is made twice.
    expect(products).toBe(recompute ? 6 : 5);
  });

  it('leaves out what nobody wants', async () => {
    const { dx } = await evaluate((traced) => {
      const value = sum(blocks(traced, checkpointed(recompute)));
      return { dx: gradients(value, [traced.x!])[0]! };
    }, inputs);
    expect(numbersOf(dx)).toHaveLength(12);
  });
});
