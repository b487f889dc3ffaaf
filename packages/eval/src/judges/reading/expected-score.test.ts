import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectedScore } from './expected-score.ts';

const of = (probabilities: Readonly<Record<string, number>>) =>
  Object.entries(probabilities).map(([token, probability]) => ({ token, logprob: Math.log(probability) }));

describe('expectedScore', () => {
  test('is the mean of the integers, weighted and divided by their mass', () => {
    const { score, numericMass } = expectedScore(of({ '80': 0.4, ' 90': 0.1, '30': 0.25, REF: 0.25 }));
    expect(numericMass).toBeCloseTo(0.75, 12);
    expect(score).toBeCloseTo((80 * 0.4 + 90 * 0.1 + 30 * 0.25) / 0.75, 10);
  });

  test('signs and digits of other scripts are no numbers', () => {
    expect(expectedScore(of({ '+5': 0.3, '-5': 0.3, '１００': 0.2, '٨٥': 0.2 }))).toEqual({
      score: null,
      numericMass: 0,
    });
  });

  test('0 and 100 count, 101, -5, 7.5 and words do not', () => {
    expect(
      expectedScore(of({ '0': 0.3, '100': 0.3, '101': 0.2, '-5': 0.1, '7.5': 0.05, CODE: 0.05 })).score,
    ).toBeCloseTo(50, 10);
  });

  test('numbers below a quarter of the probability give no score, from a quarter on they do', () => {
    expect(expectedScore(of({ REF: 0.7501, '90': 0.2499 }))).toMatchObject({ score: null });
    expect(expectedScore([{ token: '90', logprob: Math.log(0.25) + 1e-12 }]).score).toBeCloseTo(90, 10);
    expect(expectedScore([]).score).toBeNull();
    expect(expectedScore([], 0).score).toBeNull();
  });

  test('lies between the least and the greatest integer and ignores words', () => {
    const weights = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 100 }), fc.double({ min: 0.01, max: 1, noNaN: true })),
      { minLength: 1, maxLength: 18 },
    );
    fc.assert(
      fc.property(weights, fc.double({ min: 0.01, max: 1, noNaN: true }), (numbers, word) => {
        const total = numbers.reduce((sum, [, weight]) => sum + weight, word);
        const candidates = [
          ...numbers.map(([value, weight]) => ({ token: String(value), logprob: Math.log(weight / total) })),
          { token: 'word', logprob: Math.log(word / total) },
        ];
        const { score, numericMass } = expectedScore(candidates);
        const values = numbers.map(([value]) => value);
        const exact =
          numbers.reduce((sum, [value, weight]) => sum + value * weight, 0) /
          numbers.reduce((sum, [, weight]) => sum + weight, 0);
        expect(numericMass).toBeCloseTo(1 - word / total, 9);
        if (numericMass < 0.25 - 1e-9) expect(score).toBeNull();
        if (score === null) return;
        expect(score).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
        expect(score).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
        expect(score).toBeCloseTo(exact, 8);
      }),
    );
  });
});
