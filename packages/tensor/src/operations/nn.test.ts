import { describe, expect, it } from 'vitest';
import { evaluate, evaluateOne } from '../__fixtures__/evaluate.ts';
import { gradientError, relativeError } from '../__fixtures__/finite-differences.ts';
import { arrayOf, numbersOf, randomArray } from '../__fixtures__/random-array.ts';
import { compile, tensorType } from '../compile.ts';
import { GradientError, ShapeError } from '../errors.ts';
import { gradients } from '../grad.ts';
import type { Tensor } from '../tensor.ts';
import { add, exp, log, multiply, power, sqrt, square } from './elementwise.ts';
import { input } from './leaf.ts';
import * as nn from './nn.ts';
import { mean, sum } from './reduce.ts';

type Inputs = Readonly<Record<string, Tensor>>;
const float = (...shape: (number | string)[]) => input('x', tensorType('float32', shape));

describe('activations', () => {
  it('silu and gelu', async () => {
    const { silu, gelu } = await evaluate(({ x }) => ({ silu: nn.silu(x!), gelu: nn.gelu(x!) }), {
      x: arrayOf([3], -1, 0, 2),
    });
    expect(relativeError(numbersOf(silu), [-0.26894142, 0, 1.76159416])).toBeLessThan(1e-6);
    expect(relativeError(numbersOf(gelu), [-0.15865525, 0, 1.95449974])).toBeLessThan(1e-6);
    const x = randomArray([6], 1, -2, 2);
    expect(await gradientError(({ x }) => nn.silu(x!), { x })).toBeLessThan(1e-3);
    expect(await gradientError(({ x }) => nn.gelu(x!), { x })).toBeLessThan(1e-3);
  });
});

describe('softmax, logSoftmax and logSumExp', () => {
  it.each([[0], [1], [-1]])(
    'along axis %s: sums to one, agrees with its logarithm, gradients',
    async (axis) => {
      const x = randomArray([2, 3, 4], 1, -2, 2);
      const { total, direct, viaLog, shifted } = await evaluate(
        ({ x }) => ({
          total: sum(nn.softmax(x!, axis), { axes: axis }),
          direct: nn.softmax(x!, axis),
          viaLog: exp(nn.logSoftmax(x!, axis)),
          shifted: log(sum(exp(x!), { axes: axis })),
        }),
        { x },
      );
      for (const value of numbersOf(total)) expect(value).toBeCloseTo(1, 6);
      expect(relativeError(numbersOf(direct), numbersOf(viaLog))).toBeLessThan(1e-6);
      const found = await evaluateOne(({ x }) => nn.logSumExp(x!, axis), { x });
      expect(found.shape).toEqual(shifted.shape);
      expect(relativeError(numbersOf(found), numbersOf(shifted))).toBeLessThan(1e-6);
      for (const operation of [nn.softmax, nn.logSoftmax, nn.logSumExp]) {
        expect(await gradientError(({ x }) => operation(x!, axis), { x })).toBeLessThan(1e-3);
      }
    },
  );

  it('do not overflow', async () => {
    const { softmax, logSoftmax, logSumExp, gradient } = await evaluate(
      ({ x }) => ({
        softmax: nn.softmax(x!),
        logSoftmax: nn.logSoftmax(x!),
        logSumExp: nn.logSumExp(x!),
        gradient: gradients(sum(nn.logSumExp(x!)), [x!])[0]!,
      }),
      { x: arrayOf([1, 3], 1000, 1000, -1e9) },
    );
    expect(numbersOf(softmax)).toEqual([0.5, 0.5, 0]);
    expect(numbersOf(logSoftmax)[0]).toBeCloseTo(-Math.LN2, 6);
    expect(numbersOf(logSumExp)[0]).toBeCloseTo(1000 + Math.LN2, 3);
    expect(numbersOf(gradient)).toEqual([0.5, 0.5, 0]);
  });

  it('refuse other types than float32', () => {
    expect(() => nn.softmax(input('x', tensorType('float64', [2])))).toThrow('softmax: input 0 is float64');
    expect(() => nn.logSoftmax(input('x', tensorType('int64', [2])))).toThrow('logSoftmax: input 0 is int64');
  });
});

describe('rmsNorm', () => {
  const inputs = { x: randomArray([2, 3, 4], 1), w: randomArray([4], 2, 0.5, 1.5) };
  const fused = ({ x, w }: Inputs) => nn.rmsNorm(x!, w!, 1e-3);
  const plain = ({ x, w }: Inputs) => {
    const variance = mean(square(x!), { axes: -1, keepDims: true });
    return multiply(multiply(x!, power(add(variance, 1e-3), -0.5)), w!);
  };

  it('equals its formula, in value and gradients', async () => {
    const { a, b } = await evaluate((t) => ({ a: fused(t), b: plain(t) }), inputs);
    expect(relativeError(numbersOf(a), numbersOf(b))).toBeLessThan(1e-5);
    expect(await gradientError(fused, inputs)).toBeLessThan(1e-3);
  });

  it('has no row at all, or one', async () => {
    const executable = await compile(
      ({ x, w }) => ({ y: nn.rmsNorm(x, w, 0), dw: gradients(sum(nn.rmsNorm(x, w, 0)), [w])[0]! }),
      { x: tensorType('float32', ['rows', 2]), w: tensorType('float32', [2]) },
    );
    const w = arrayOf([2], 1, 2);
    expect(numbersOf((await executable.run({ x: arrayOf([0, 2]), w })).dw)).toEqual([0, 0]);
    const { y } = await executable.run({ x: arrayOf([1, 2], 1, -1), w });
    expect(relativeError(numbersOf(y), [1, -2])).toBeLessThan(1e-6);
    await executable.release();
  });

  it('names both shapes', () => {
    expect(() => nn.rmsNorm(float(2, 4), float(3), 1e-6)).toThrow(ShapeError);
    expect(() => nn.rmsNorm(float(2, 4), float(3), 1e-6)).toThrow(
      'rmsNorm: weight [3] does not fit the last axis of [2, 4]',
    );
  });
});

describe('rotary', () => {
  const angles = randomArray([2, 3, 2], 1, 0, 6);
  const table = (of: (angle: number) => number) => arrayOf([2, 3, 2], ...numbersOf(angles).map(of));
  const inputs = { x: randomArray([2, 2, 3, 4], 2), cosine: table(Math.cos), sine: table(Math.sin) };

  it('rotates pairs of the two halves, other angles for every example', async () => {
    const found = await evaluateOne(({ x, cosine, sine }) => nn.rotary(x!, cosine!, sine!), inputs);
    for (let batch = 0; batch < 2; batch++) {
      for (let head = 0; head < 2; head++) {
        for (let position = 0; position < 3; position++) {
          for (let pair = 0; pair < 2; pair++) {
            const angle = angles.get(batch, position, pair) as number;
            const [first, second] = [pair, pair + 2].map(
              (at) => inputs.x.get(batch, head, position, at) as number,
            );
            const at = (index: number) => found.get(batch, head, position, index) as number;
            expect(at(pair)).toBeCloseTo(first! * Math.cos(angle) - second! * Math.sin(angle), 5);
            expect(at(pair + 2)).toBeCloseTo(second! * Math.cos(angle) + first! * Math.sin(angle), 5);
          }
        }
      }
    }
    expect(
      await gradientError(({ x, cosine, sine }) => square(nn.rotary(x!, cosine!, sine!)), inputs, {
        withRespectTo: ['x'],
      }),
    ).toBeLessThan(1e-3);
  });

  it('runs at two sizes', async () => {
    const executable = await compile(({ x, c, s }) => ({ y: nn.rotary(x, c, s) }), {
      x: tensorType('float32', ['batch', 1, 'seq', 2]),
      c: tensorType('float32', ['batch', 'seq', 1]),
      s: tensorType('float32', ['batch', 'seq', 1]),
    });
    for (const [batch, seq] of [
      [1, 1],
      [2, 3],
    ] as const) {
      const rows = batch * seq;
      const [c, s] = [new Array(rows).fill(0), new Array(rows).fill(1)];
      const x = Array.from({ length: 2 * rows }, (_, index) => index);
      const { y } = await executable.run({
        x: arrayOf([batch, 1, seq, 2], ...x),
        c: arrayOf([batch, seq, 1], ...c),
        s: arrayOf([batch, seq, 1], ...s),
      });
      // A quarter turn: (a, b) -> (-b, a).
      expect(numbersOf(y)).toEqual(x.map((_, index) => (index % 2 === 0 ? -(index + 1) : index - 1)));
    }
    await executable.release();
  });

  it('has no gradient with respect to the angles, and says so', () => {
    const [x, c] = [float(1, 1, 2, 4), input('c', tensorType('float32', [1, 2, 2]))];
    expect(() => gradients(sum(nn.rotary(x, c, c)), [c])).toThrow(GradientError);
  });

  it('names what does not fit', () => {
    expect(() => nn.rotary(float(1, 2, 4), float(1, 2, 2), float(1, 2, 2))).toThrow(
      'rotary: x [1, 2, 4] must be [batch, heads, seq, an even number]',
    );
    expect(() => nn.rotary(float('b', 1, 't', 4), float('b', 't', 2), float('b', 't', 4))).toThrow(
      'rotary: x [b, 1, t, 4] needs tables [b, t, 2], got [b, t, 4]',
    );
  });
});

it('derivatives of fused operations can be differentiated again', async () => {
  // The gradient's norm as a function: its finite differences are second derivatives.
  const gradientNorm = (fn: (inputs: Inputs) => Tensor, names: readonly string[]) => (inputs: Inputs) =>
    gradients(
      sum(square(fn(inputs))),
      names.map((name) => inputs[name]!),
    ).map((gradient) => sum(square(gradient)));
  const x = randomArray([2, 4], 1, 0.5, 1.5);
  const w = randomArray([4], 2, 0.5, 1.5);
  expect(
    await gradientError(
      gradientNorm(({ x, w }) => nn.rmsNorm(x!, w!, 1e-3), ['x', 'w']),
      { x, w },
    ),
  ).toBeLessThan(1e-3);
  for (const operation of [nn.softmax, nn.logSoftmax, nn.logSumExp, nn.silu, nn.gelu, sqrt]) {
    expect(
      await gradientError(
        gradientNorm(({ x }) => operation(x!), ['x']),
        { x },
      ),
    ).toBeLessThan(1e-3);
  }
});
