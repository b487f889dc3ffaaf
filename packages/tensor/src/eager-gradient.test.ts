import { expect, it } from 'vitest';
import { evaluate } from './__fixtures__/evaluate.ts';
import { numbersOf, randomArray } from './__fixtures__/random-array.ts';
import { eagerGradient } from './eager-gradient.ts';
import { GradientError } from './errors.ts';
import { gradients } from './grad.ts';
import { add, multiply, square } from './operations/elementwise.ts';
import { constant } from './operations/leaf.ts';
import { logSoftmax } from './operations/nn.ts';
import { sum } from './operations/reduce.ts';
import type { Tensor } from './tensor.ts';

const score = (x: Tensor) => sum(square(logSoftmax(x)));

it('gives the value, what was observed, and the same gradient, scaled by what comes after', async () => {
  const { plain, eager, seen, dPlain, dEager } = await evaluate(
    ({ x }) => {
      const loss = (value: Tensor) => multiply(square(value), 0.5);
      const plain = loss(score(x!));
      const first = eagerGradient((rows) => ({ value: score(rows), observed: [sum(rows)] }), x!);
      const eager = loss(first.value);
      return {
        plain,
        eager,
        seen: first.observed[0]!,
        dPlain: gradients(plain, [x!])[0]!,
        dEager: gradients(eager, [x!])[0]!,
      };
    },
    { x: randomArray([2, 5], 7) },
  );
  expect(numbersOf(eager)[0]).toBeCloseTo(numbersOf(plain)[0]!, 4);
  expect(numbersOf(seen)[0]).toBeCloseTo(
    numbersOf(randomArray([2, 5], 7)).reduce((a, b) => a + b),
    5,
  );
  const expected = numbersOf(dPlain);
  for (const [index, value] of numbersOf(dEager).entries())
    expect(value / expected[index]!).toBeCloseTo(1, 4);
});

it('runs several one after another, rows of any number, none included', async () => {
  const step = ({ a, b }: Readonly<Record<string, Tensor>>) => {
    const one = eagerGradient((rows) => ({ value: score(rows), observed: [] }), a!);
    const two = eagerGradient((rows) => ({ value: score(rows), observed: [] }), b!, [one.value]);
    const total = add(one.value, two.value);
    const [da, db] = gradients(total, [a!, b!]);
    return { total, da: da!, db: db!, expected: score(a!) };
  };
  const { total, expected, da, db } = await evaluate(step, {
    a: randomArray([3, 4], 1),
    b: randomArray([0, 4], 2),
  });
  expect(numbersOf(total)[0]).toBeCloseTo(numbersOf(expected)[0]!, 5);
  expect(numbersOf(da).some((value) => value !== 0)).toBe(true);
  expect(numbersOf(db)).toEqual([]);
});

it('refuses a function that gives no scalar, or does not depend on its input', async () => {
  const attempt = (fn: (x: Tensor) => Tensor) =>
    evaluate(({ x }) => ({ y: eagerGradient((rows) => ({ value: fn(rows), observed: [] }), x!).value }), {
      x: randomArray([2], 1),
    });
  await expect(attempt(square)).rejects.toSatisfy(GradientError.isInstance);
  await expect(attempt(() => sum(constant(randomArray([2], 1))))).rejects.toSatisfy(GradientError.isInstance);
});
