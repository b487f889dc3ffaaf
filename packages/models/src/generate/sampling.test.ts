import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GenerationError } from '../errors.ts';
import { penalizeRepetition } from './repetition.ts';
import {
  candidates,
  checkSamplingOptions,
  indexOfLargest,
  type SamplingOptions,
  sampleToken,
} from './sampling.ts';
import { seededDraws } from './seeded-draws.ts';

/** Made by transformers; see __fixtures__/make.py. */
interface Warpers {
  readonly logits: readonly number[];
  /** Tokens that were there before, some twice. */
  readonly seen: readonly number[];
  readonly cases: readonly {
    readonly settings: SamplingOptions;
    readonly tokens: readonly number[];
    readonly probabilities: readonly number[];
  }[];
}

const warpers = JSON.parse(
  await readFile(new URL('__fixtures__/warpers.json', import.meta.url), 'utf8'),
) as Warpers;
const logits = Float32Array.from(warpers.logits);

describe('candidates', () => {
  it.each(warpers.cases)('are those of transformers for $settings', ({ settings, tokens, probabilities }) => {
    const penalty = settings.repetitionPenalty ?? 1;
    const penalized = penalizeRepetition(logits, new Set(warpers.seen), penalty);
    const found = candidates(penalized, settings);
    expect([...found.tokens]).toEqual(tokens);
    const total = found.weights.reduce((sum, weight) => sum + weight, 0);
    found.weights.forEach((weight, index) => {
      expect(weight / total).toBeCloseTo(probabilities[index]!, 5);
    });
  });

  it('of top-p and min-p are found at any temperature, and whatever there is much of', () => {
    const equal = new Float32Array(1000).fill(3);
    expect(candidates(equal, { temperature: 1e-320, topP: 0.25 }).tokens).toHaveLength(250);
    expect(candidates(equal, { temperature: 1, minP: 1 }).tokens).toHaveLength(1000);
    const falling = Float32Array.from({ length: 1000 }, (_, index) => -index);
    expect([...candidates(falling, { temperature: 1e-320, topP: 0.5 }).tokens]).toEqual([0]);
    // exp(-2) is 0.135, exp(-3) 0.05.
    expect([...candidates(falling, { temperature: 1, minP: Math.exp(-2) }).tokens]).toEqual([0, 1, 2]);
  });

  it('of top-p are the fewest most probable tokens that reach it', () => {
    const values = fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (raw, topP) => {
        const given = Float32Array.from(raw);
        const all = candidates(given, { temperature: 1 });
        const total = all.weights.reduce((sum, weight) => sum + weight, 0);
        const kept = candidates(given, { temperature: 1, topP });
        const mass = kept.weights.reduce((sum, weight) => sum + weight, 0) / total;
        const smallest = Math.min(...kept.weights);
        const dropped = [...all.tokens].filter((token) => !kept.tokens.includes(token));
        expect(mass).toBeGreaterThanOrEqual(topP - 1e-9);
        expect(mass - smallest / total).toBeLessThan(topP + 1e-9);
        for (const token of dropped) expect(all.weights[token]).toBeLessThanOrEqual(smallest);
      }),
    );
  });
});

describe('sampleToken', () => {
  it('takes the first most probable token at temperature 0, without drawing', () => {
    const draw = () => {
      throw new Error('drawn');
    };
    expect(sampleToken(Float32Array.of(1, 3, 3, 2), {}, draw)).toBe(1);
    expect(sampleToken(Float32Array.of(1, 3, 3, 2), { temperature: 0, topK: 3 }, draw)).toBe(1);
  });

  it('draws every token as often as it is probable', () => {
    const probabilities = [0.5, 0.05, 0.3, 0.15];
    const given = Float32Array.from(probabilities, Math.log);
    const counts = [0, 0, 0, 0];
    // One draw a seed: neighbouring seeds must not give alike numbers.
    for (let seed = 0; seed < 20_000; seed++)
      counts[sampleToken(given, { temperature: 1 }, seededDraws(seed))]! += 1;
    counts.forEach((count, token) => {
      const expected = 20_000 * probabilities[token]!;
      // Four standard deviations.
      expect(Math.abs(count - expected)).toBeLessThan(4 * Math.sqrt(expected * (1 - probabilities[token]!)));
    });
  });

  it('maps the whole range of draws onto the candidates', () => {
    const given = Float32Array.of(0, 0, -Infinity, 0);
    const token = (draw: number) => sampleToken(given, { temperature: 1 }, () => draw);
    expect([token(0), token(0.34), token(0.67), token(1 - 2 ** -53)]).toEqual([0, 1, 3, 3]);
  });

  it('finds the k largest whatever their order', () => {
    const arbitraryLogits = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(arbitraryLogits, fc.integer({ min: 1, max: 70 }), (raw, topK) => {
        const kth = raw.toSorted((a, b) => b - a)[Math.min(topK, raw.length) - 1]!;
        const expected = [...raw.keys()].filter((token) => raw[token]! >= kth);
        expect([...candidates(Float32Array.from(raw), { temperature: 1, topK }).tokens]).toEqual(expected);
      }),
    );
  });
});

describe('checkSamplingOptions', () => {
  it.each([
    { temperature: -1 },
    { temperature: Number.NaN },
    { topK: 0 },
    { topK: 1.5 },
    { topP: 0 },
    { topP: 1.1 },
    { minP: -0.1 },
    { minP: 2 },
    { repetitionPenalty: 0 },
    { repetitionPenalty: Number.POSITIVE_INFINITY },
  ])('refuses %j', (options) => {
    expect(() => checkSamplingOptions(options)).toThrow(GenerationError);
  });

  it('accepts the ends of the ranges', () => {
    expect(() => checkSamplingOptions({ temperature: 0, topK: 1, topP: 1, minP: 1 })).not.toThrow();
  });
});

it('indexOfLargest is the first of the largest, and none where something is not a number', () => {
  expect(indexOfLargest(Float32Array.of(-7, -2, 5, 5, -Infinity))).toBe(2);
  expect(indexOfLargest(Float32Array.of(5, 1, Number.NaN))).toBe(-1);
  expect(indexOfLargest(Float32Array.of(Number.NaN))).toBe(-1);
  expect(indexOfLargest(Float32Array.of(-Infinity, Infinity))).toBe(1);
  expect(indexOfLargest(new Float32Array())).toBe(-1);
});
