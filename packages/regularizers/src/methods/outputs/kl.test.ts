import {
  add,
  compile,
  divide,
  exp,
  gradients,
  hostArray,
  logSoftmax,
  multiply,
  square,
  subtract,
  sum,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CompiledPenalty,
  compilePenalty,
  evaluateOnHostArrays,
  kl,
  RegularizerOptionError,
} from '../../index.ts';
import { describeRegularizerContract } from '../../testing/index.ts';
import { klDivergence } from './kl.ts';

describeRegularizerContract('kl', () => kl(), { describe, it }, { tolerance: 0 });
describeRegularizerContract('kl, reverse, softened', () => kl({ direction: 'reverse', temperature: 2 }), {
  describe,
  it,
});
describeRegularizerContract('kl to an adapter', () => kl({ reference: { adapter: 'safe' } }), {
  describe,
  it,
});
describeRegularizerContract('kl of all tokens', () => kl({ scope: 'all' }), { describe, it });
describeRegularizerContract('kl of tagged examples', () => kl({ onlyTagged: 'interleaved' }), {
  describe,
  it,
});
describeRegularizerContract(
  'kl of all tokens of tagged examples',
  () => kl({ scope: 'all', onlyTagged: 'safe' }),
  {
    describe,
    it,
  },
);

const rows = (...values: number[][]) => ({ data: values.flat(), shape: [values.length, values[0]!.length] });
const mask = (...values: number[]) => ({ data: values, shape: [values.length] });
const logs = (...probabilities: number[]) => probabilities.map(Math.log);

describe('value', () => {
  const logits = rows(logs(0.5, 0.5), logs(0.25, 0.75));
  const referenceLogits = rows(logs(0.9, 0.1), logs(0.5, 0.5));
  const first = 0.5 * Math.log(0.5 / 0.9) + 0.5 * Math.log(0.5 / 0.1);
  const second = 0.25 * Math.log(0.25 / 0.5) + 0.75 * Math.log(0.75 / 0.5);

  it('is the mean divergence of the model from its reference', async () => {
    const { value } = await evaluateOnHostArrays(kl(), { logits, referenceLogits, responseMask: mask(1, 1) });
    expect(value).toBeCloseTo((first + second) / 2, 6);
  });

  it('is that of the reference from the model in reverse', async () => {
    const responseMask = mask(1, 0);
    const { value } = await evaluateOnHostArrays(kl({ direction: 'reverse' }), {
      logits,
      referenceLogits,
      responseMask,
    });
    expect(value).toBeCloseTo(0.9 * Math.log(0.9 / 0.5) + 0.1 * Math.log(0.1 / 0.5), 6);
  });

  it('averages over response rows only, or over all', async () => {
    const responseMask = mask(0, 1);
    const response = await evaluateOnHostArrays(kl(), { logits, referenceLogits, responseMask });
    const all = await evaluateOnHostArrays(kl({ scope: 'all' }), { logits, referenceLogits });
    expect(response.value).toBeCloseTo(second, 6);
    expect(all.value).toBeCloseTo((first + second) / 2, 6);
  });

  it('averages over tagged examples only', async () => {
    const { value, gradients } = await evaluateOnHostArrays(kl({ onlyTagged: 'interleaved' }), {
      logits,
      referenceLogits,
      responseMask: mask(1, 1),
      exampleOfRow: mask(1, 0),
      tagged: { interleaved: mask(0, 1) },
    });
    expect(value).toBeCloseTo(first, 6);
    expect([...(gradients.logits!.data as Float32Array)].slice(2).map(Math.abs)).toEqual([0, 0]);
  });

  it('of logits softened by T is that of logits / T', async () => {
    const responseMask = mask(1);
    const soft = await evaluateOnHostArrays(kl({ temperature: 2 }), {
      logits: rows([1, -2, 4]),
      referenceLogits: rows([0, 2, 1]),
      responseMask,
    });
    const halved = await evaluateOnHostArrays(kl(), {
      logits: rows([0.5, -1, 2]),
      referenceLogits: rows([0, 1, 0.5]),
      responseMask,
    });
    expect(soft.value).toBeCloseTo(halved.value, 6);
    expect(soft.value).toBeGreaterThan(0.1);
  });

  it('is the exact large number, not infinite, for opposite half-precision extremes', async () => {
    const { value, gradients } = await evaluateOnHostArrays(kl(), {
      logits: rows([65504, -65504]),
      referenceLogits: rows([-65504, 65504]),
      responseMask: mask(1),
    });
    expect(value).toBe(2 * 65504);
    expect([...(gradients.logits!.data as Float32Array)].map(Math.abs)).toEqual([0, 0]);
  });
});

describe('properties', () => {
  let forward: CompiledPenalty;
  let reverse: CompiledPenalty;
  beforeAll(async () => {
    [forward, reverse] = await Promise.all([
      compilePenalty(kl()),
      compilePenalty(kl({ direction: 'reverse' })),
    ]);
  });
  afterAll(() => Promise.all([forward.release(), reverse.release()]));

  const logit = fc.float({ min: -65504, max: 65504, noNaN: true });
  const pairs = fc.array(fc.tuple(logit, logit), { minLength: 2, maxLength: 9 });
  const outputs = (values: [number, number][], swap = false) => ({
    logits: rows(values.map((pair) => pair[swap ? 1 : 0])),
    referenceLogits: rows(values.map((pair) => pair[swap ? 0 : 1])),
    responseMask: mask(1),
  });

  it('is never negative nor NaN, for any finite logits', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async (values) => {
        const { value, gradients } = await forward.run(outputs(values));
        expect(value).toBeGreaterThanOrEqual(0);
        expect([...(gradients.logits!.data as Float32Array)].every(Number.isFinite)).toBe(true);
      }),
    );
  });

  it('is exactly 0, with no gradient, where both are the same', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async (values) => {
        const { value, gradients } = await forward.run(outputs(values.map(([logit]) => [logit, logit])));
        expect(value).toBe(0);
        expect([...(gradients.logits!.data as Float32Array)].every((each) => each === 0)).toBe(true);
      }),
    );
  });

  it('of one direction is the other with model and reference swapped', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async (values) => {
        expect((await reverse.run(outputs(values, true))).value).toBe(
          (await forward.run(outputs(values))).value,
        );
      }),
    );
  });
});

it('keeps a small gradient exact near the reference', async () => {
  const reference = Array.from({ length: 50 }, (_, index) => 3 * Math.sin(index));
  const trained = reference.map((value, index) => Math.fround(value) + 2 ** -12 * Math.cos(5 * index));
  const { gradients } = await evaluateOnHostArrays(kl(), {
    logits: rows(trained),
    referenceLogits: rows(reference.map(Math.fround)),
    responseMask: mask(1),
  });
  const expected = divergenceGradient(trained.map(Math.fround), reference.map(Math.fround));
  const actual = gradients.logits!.data as Float32Array;
  const error =
    Math.hypot(...expected.map((value, index) => value - actual[index]!)) / Math.hypot(...expected);
  expect(error).toBeLessThan(5e-4); // 1.5e-3 when the rounding of the zero term is left in
});

/** p (log p - log q - D(p || q)) in float64. */
function divergenceGradient(p: readonly number[], q: readonly number[]): number[] {
  const normalised = (logits: readonly number[]) => {
    const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
    return logits.map((logit) => logit - total);
  };
  const [logP, logQ] = [normalised(p), normalised(q)];
  const divergence = logP.reduce((sum, log, index) => sum + Math.exp(log) * (log - logQ[index]!), 0);
  return logP.map((log, index) => Math.exp(log) * (log - logQ[index]! - divergence));
}

it.each([1, 2.5])(
  'is its primitive form at temperature %d, in value, gradients and second derivatives',
  async (temperature) => {
    const softened = (logits: Tensor) => logSoftmax(divide(logits, temperature));
    const fromPrimitives = (p: Tensor, q: Tensor) =>
      sum(multiply(exp(softened(p)), subtract(softened(p), softened(q))), { axes: -1 });
    const run = async (form: (p: Tensor, q: Tensor) => Tensor) => {
      const type = tensorType('float32', ['rows', 5]);
      const step = await compile(
        ({ p, q }) => {
          const values = form(p, q);
          const first = gradients(sum(square(values)), [p, q]);
          const second = gradients(first.map((each) => sum(square(each))).reduce(add), [p, q]);
          return Object.fromEntries(
            [values, ...first, ...second].map((tensor, index) => [`${index}`, tensor]),
          );
        },
        { p: type, q: type },
      );
      const waves = (phase: number) =>
        hostArray(
          Float32Array.from({ length: 15 }, (_, index) => 2 * Math.sin(phase + index)),
          [3, 5],
        );
      const results = await step.run({ p: waves(0), q: waves(5) });
      await step.release();
      return Object.values(results).map(({ data }) => [...(data as Float32Array)]);
    };
    const found = await run((p, q) => klDivergence(p, q, temperature));
    const expected = await run(fromPrimitives);
    expect(found).toHaveLength(5);
    for (const [index, values] of found.entries()) {
      const size = Math.hypot(...expected[index]!);
      expect(size).toBeGreaterThan(0.01);
      expect(Math.hypot(...values.map((value, at) => value - expected[index]![at]!)) / size).toBeLessThan(
        1e-5,
      );
    }
  },
);

describe('bad options', () => {
  it.each([
    ['a negative weight', { weight: -0.1 }, 'the weight is -0.1'],
    ['a weight that is no number', { weight: Number.NaN }, 'the weight is NaN'],
    ['a schedule to a negative weight', { weight: { from: 0, to: -1 } }, 'the weight is -1'],
    ['a temperature of zero', { temperature: 0 }, 'the temperature is 0'],
    ['an infinite temperature', { temperature: Number.POSITIVE_INFINITY }, 'the temperature is Infinity'],
  ])('refuses %s', (_name, options, message) => {
    expect(() => kl(options)).toThrow(message);
    expect(() => kl(options)).toThrow(RegularizerOptionError);
  });
});
