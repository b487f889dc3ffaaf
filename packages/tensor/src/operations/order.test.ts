import { expect, it } from 'vitest';
import { evaluate } from '../__fixtures__/evaluate.ts';
import { gradientError } from '../__fixtures__/finite-differences.ts';
import { arrayOf, numbersOf, randomArray } from '../__fixtures__/random-array.ts';
import { tensorType } from '../compile.ts';
import { gradients } from '../grad.ts';
import type { Tensor } from '../tensor.ts';
import { exp, square } from './elementwise.ts';
import { input } from './leaf.ts';
import { after } from './order.ts';
import { sum } from './reduce.ts';

const fn = ({ x, y }: Readonly<Record<string, Tensor>>) => square(after(x!, [exp(y!), sum(y!)]));

it('after changes neither the value nor the gradient', async () => {
  const { value, plain, dx } = await evaluate(
    ({ x, y }) => {
      const value = fn({ x: x!, y: y! });
      return { value, plain: after(x!, []), dx: gradients(sum(value), [x!])[0]! };
    },
    { x: arrayOf([3], 1, -2, 3), y: arrayOf([2, 1], 4, 5) },
  );
  expect(numbersOf(value)).toEqual([1, 4, 9]);
  expect(numbersOf(plain)).toEqual([1, -2, 3]);
  expect(numbersOf(dx)).toEqual([2, -4, 6]);
  const inputs = { x: randomArray([3], 1), y: randomArray([2, 1], 2) };
  expect(await gradientError(fn, inputs, { withRespectTo: ['x'] })).toBeLessThan(1e-3);
});

it('gives no gradient to what came earlier', async () => {
  const inputs = { x: randomArray([3], 1), y: randomArray([2], 2) };
  await expect(gradientError(fn, inputs, { withRespectTo: ['y'] })).rejects.toThrow('does not depend on');
});

it('is for float32 only', () => {
  const integers = input('i', tensorType('int64', [2]));
  expect(() => after(integers, [integers])).toThrow('after: input 0 is int64, must be float32');
});
