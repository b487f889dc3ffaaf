import { describe, expect, it } from 'vitest';
import { evaluate } from './__fixtures__/evaluate.ts';
import { gradientError } from './__fixtures__/finite-differences.ts';
import { indicesOf, numbersOf, randomArray } from './__fixtures__/random-array.ts';
import { checkpoint, type Recomputation } from './checkpoint.ts';
import { tensorType } from './compile.ts';
import { GradientError } from './errors.ts';
import { ancestors, gradients } from './grad.ts';
import { keep } from './keep.ts';
import { readInputs } from './operation.ts';
import { add, exp, multiply, sin } from './operations/elementwise.ts';
import { gather } from './operations/indexing.ts';
import { input } from './operations/leaf.ts';
import { matmul } from './operations/linalg.ts';
import { sum } from './operations/reduce.ts';
import type { Tensor } from './tensor.ts';

type Inputs = Readonly<Record<string, Tensor>>;

/** Two blocks x -> x + sin(sin(x) W) exp(s), where W and s are used without being inputs of the block. */
function blocks({ x, w, s }: Inputs, arrange: (fn: (x: Tensor) => Tensor, x: Tensor) => Tensor): Tensor {
  const block = (state: Tensor) => add(state, multiply(sin(keep(matmul(sin(state), w!))), exp(s!)));
  return arrange(block, arrange(block, x!));
}

const plainly = (fn: (x: Tensor) => Tensor, x: Tensor) => fn(x);
const checkpointed = (recompute: Recomputation) => (fn: (x: Tensor) => Tensor, x: Tensor) =>
  checkpoint((state) => [fn(state)], [x], { recompute })[0]!;

const inputs = { x: randomArray([3, 4], 1), w: randomArray([4, 4], 2), s: randomArray([], 3) };

/**
 * How many products and sines two blocks and the gradient of W take. Without recomputation, products: two forward, two
 * for dW, one for dX; sines: two in each block. The inner sine of each block is needed again for dW, the outer one is not.
 */
const operations: readonly [Recomputation, products: number, sines: number][] = [
  ['all', 7, 6],
  ['unkept', 5, 6],
  ['none', 5, 4],
];

describe.each(operations)('checkpoint, recompute %s', (recompute, products, sines) => {
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

  it(`computes ${products} products and ${sines} sines, forward and backward`, async () => {
    const counted: Record<string, number> = {};
    await evaluate((traced) => {
      const value = sum(blocks(traced, checkpointed(recompute)));
      const [dw] = gradients(value, [traced.w!]);
      for (const { operation } of ancestors([value.node, dw!.node], readInputs)) {
        counted[operation.name] = (counted[operation.name] ?? 0) + 1;
      }
      return { dw: dw! };
    }, inputs);
    expect([counted.matmul, counted.sin]).toEqual([products, sines]);
  });

  it('takes integers too', async () => {
    const { dx, expected } = await evaluate(
      ({ x, rows }) => {
        const block = (x: Tensor, rows: Tensor) => sin(gather(sin(x), rows));
        const [y] = checkpoint((x, rows) => [block(x!, rows!)], [x!, rows!], { recompute });
        return {
          dx: gradients(sum(y!), [x!])[0]!,
          expected: gradients(sum(block(x!, rows!)), [x!])[0]!,
        };
      },
      { x: randomArray([3, 4], 1), rows: indicesOf([4], 2, 0, 2, 2) },
    );
    expect(numbersOf(dx)).toEqual(numbersOf(expected));
    expect(numbersOf(dx)[0]).not.toBe(0);
  });

  it('leaves out what nobody wants', async () => {
    const { dx } = await evaluate((traced) => {
      const value = sum(blocks(traced, checkpointed(recompute)));
      return { dx: gradients(value, [traced.x!])[0]! };
    }, inputs);
    expect(numbersOf(dx)).toHaveLength(12);
  });
});

describe('keep', () => {
  it('does nothing outside a checkpoint', () => {
    const x = input('x', tensorType('float32', [2]));
    expect(keep(x)).toBe(x);
  });

  it('refuses a function that marks other values when it is traced again', () => {
    const x = input('x', tensorType('float32', [2]));
    let calls = 0;
    const fickle = (state: Tensor) => [sin(calls++ === 0 ? keep(sin(state)) : sin(state))];
    const [y] = checkpoint(fickle, [x], { recompute: 'unkept' });
    expect(() => gradients(sum(y!), [x])).toThrow(GradientError);
  });

  it('of a function that marks nothing computes everything again', () => {
    const x = input('x', tensorType('float32', [2]));
    const [y] = checkpoint((state) => [sin(sin(state))], [x], { recompute: 'unkept' });
    const [dx] = gradients(sum(y!), [x]);
    expect(
      ancestors([dx!.node], readInputs).filter(({ operation }) => operation.name === 'sin'),
    ).toHaveLength(1);
  });
});
