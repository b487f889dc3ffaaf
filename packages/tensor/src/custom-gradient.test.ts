import { describe, expect, it } from 'vitest';
import { evaluate, evaluateOne } from './__fixtures__/evaluate.ts';
import { arrayOf, numbersOf } from './__fixtures__/random-array.ts';
import { checkpoint } from './checkpoint.ts';
import { tensorType } from './compile.ts';
import { customGradient } from './custom-gradient.ts';
import { GradientError } from './errors.ts';
import { ancestors, gradients } from './grad.ts';
import { keep } from './keep.ts';
import { readInputs } from './operation.ts';
import { exp, multiply, sin, stopGradient } from './operations/elementwise.ts';
import { constant, input, scalar } from './operations/leaf.ts';
import { sum } from './operations/reduce.ts';
import type { Tensor } from './tensor.ts';

const float = (name: string, ...shape: number[]) => input(name, tensorType('float32', shape));

/** x y, whose gradients are written as 10 g y and 100 g x, to be told from the true ones. */
const marked = (x: Tensor, y: Tensor) =>
  customGradient('marked', [x, y], (x, y) => ({
    value: multiply(x, y),
    gradient: (g) => [multiply(multiply(g, y), 10), multiply(multiply(g, x), 100)],
  }));

describe('customGradient', () => {
  const [x, y] = [arrayOf([2], 1, 2), arrayOf([2], 3, 5)];

  it('has the value of the function and the gradients that are given', async () => {
    const { value, dx, dy } = await evaluate(
      ({ x, y }) => {
        const value = marked(x!, y!);
        const [dx, dy] = gradients(sum(value), [x!, y!]);
        return { value, dx: dx!, dy: dy! };
      },
      { x, y },
    );
    expect(numbersOf(value)).toEqual([3, 10]);
    expect(numbersOf(dx)).toEqual([30, 50]);
    expect(numbersOf(dy)).toEqual([100, 200]);
  });

  it('can be differentiated again, through what the gradient is written in', async () => {
    const twice = await evaluateOne(
      ({ x, y }) => {
        const [dx] = gradients(sum(marked(x!, y!)), [x!]);
        return gradients(sum(dx!), [y!])[0]!;
      },
      { x, y },
    );
    expect(numbersOf(twice)).toEqual([10, 10]);
  });

  it('may use what the function computed, which then is computed once, also where a checkpoint keeps it', () => {
    const grown = (x: Tensor) =>
      customGradient('grown', [x], (x) => {
        const value = keep(exp(x));
        return { value, gradient: (g) => [multiply(g, value)] };
      });
    const x = float('x', 2);
    for (const state of [grown(x), checkpoint((x) => [grown(x)], [x], { recompute: 'unkept' })[0]!]) {
      const [dx] = gradients(sum(state), [x]);
      const names = ancestors([dx!.node], readInputs).map(({ operation }) => operation.name);
      expect(names.filter((name) => name === 'exp')).toHaveLength(1);
    }
  });

  it('computes nothing for gradients that nobody wants', () => {
    const [x, y] = [float('x', 2), float('y', 2)];
    const product = customGradient('product', [x, y], (x, y) => ({
      value: multiply(x, y),
      gradient: (g) => [multiply(g, y), sin(g)],
    }));
    const [dx] = gradients(sum(product), [x]);
    const names = ancestors([dx!.node], readInputs).map(({ operation }) => operation.name);
    expect(names).not.toContain('sin');
  });

  it('lets no gradient pass where none is given', () => {
    const x = float('x', 2);
    const constant = customGradient('constant', [x], (x) => ({ value: x, gradient: () => [undefined] }));
    expect(() => gradients(sum(constant), [x])).toThrow(GradientError);
  });

  it('refuses a tensor that is not among its inputs, but for constants', () => {
    const [x, y] = [float('x', 2), float('y', 2)];
    const captures = (other: Tensor) =>
      customGradient('captures', [x], (x) => ({ value: multiply(x, other), gradient: (g) => [g] }));
    expect(() => captures(y)).toThrow(GradientError);
    expect(() => captures(y)).toThrow(
      "captures uses Tensor(float32[2] from input 'y'), which is not among its inputs",
    );
    for (const allowed of [x, stopGradient(y), constant(arrayOf([2], 1, 2)), scalar(3)]) {
      expect(() => captures(allowed)).not.toThrow();
    }
    expect(() => customGradient('other', [x], () => ({ value: y, gradient: (g) => [g] }))).toThrow(
      'other uses Tensor(',
    );
    expect(() =>
      customGradient('stops', [x], (x) => ({ value: multiply(x, stopGradient(y)), gradient: (g) => [g] })),
    ).not.toThrow();
  });

  it('names what gives too few gradients, or one of the wrong shape', () => {
    const [x, y] = [float('x', 2), float('y', 2)];
    const broken = (given: Tensor[]) =>
      customGradient('broken', [x, y], (x, y) => ({ value: multiply(x, y), gradient: () => given }));
    expect(() => gradients(sum(broken([x])), [x])).toThrow('broken gives 1 gradients for 2 inputs');
    expect(() => gradients(sum(broken([float('g', 3), x])), [x])).toThrow(
      'broken gives a gradient float32[3]',
    );
  });
});
