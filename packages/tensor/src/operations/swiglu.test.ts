import { describe, expect, it } from 'vitest';
import { evaluate } from '../__fixtures__/evaluate.ts';
import { gradientError, relativeError } from '../__fixtures__/finite-differences.ts';
import { numbersOf, randomArray } from '../__fixtures__/random-array.ts';
import { tensorType } from '../compile.ts';
import { ShapeError } from '../errors.ts';
import { gradients } from '../grad.ts';
import type { Tensor } from '../tensor.ts';
import { multiply, square } from './elementwise.ts';
import { input } from './leaf.ts';
import { silu } from './nn.ts';
import { sum } from './reduce.ts';
import { swiglu } from './swiglu.ts';

type Inputs = Readonly<Record<string, Tensor>>;
const inputs = { gate: randomArray([2, 3, 4], 1, -4, 4), up: randomArray([2, 3, 4], 2, -2, 2) };
const fromPrimitives = (gate: Tensor, up: Tensor) => multiply(silu(gate), up);

describe('swiglu', () => {
  it('is its primitive form, in value, gradients and second derivatives', async () => {
    const step = (form: typeof swiglu) => (traced: Inputs) => {
      const [gate, up] = [traced.gate!, traced.up!];
      const y = form(gate, up);
      const [dGate, dUp] = gradients(sum(square(y)), [gate, up]);
      const [twiceGate, twiceUp] = gradients(sum(square(multiply(dGate!, dUp!))), [gate, up]);
      return { y, dGate: dGate!, dUp: dUp!, twiceGate: twiceGate!, twiceUp: twiceUp! };
    };
    const found = await evaluate(step(swiglu), inputs);
    const expected = await evaluate(step(fromPrimitives), inputs);
    for (const name of ['y', 'dGate', 'dUp', 'twiceGate', 'twiceUp'] as const) {
      expect(relativeError(numbersOf(found[name]), numbersOf(expected[name])), name).toBeLessThan(1e-5);
    }
    expect(Math.abs(numbersOf(found.twiceGate)[0]!)).toBeGreaterThan(1e-3);
  });

  it('agrees with finite differences', async () => {
    expect(await gradientError(({ gate, up }) => swiglu(gate!, up!), inputs)).toBeLessThan(1e-3);
  });

  it('does not broadcast', () => {
    const float = (...shape: number[]) => input('x', tensorType('float32', shape));
    expect(() => swiglu(float(2, 3), float(3))).toThrow(ShapeError);
    expect(() => swiglu(float(2, 3), float(3))).toThrow('gate [2, 3] and up [3] must have the same shape');
  });
});
