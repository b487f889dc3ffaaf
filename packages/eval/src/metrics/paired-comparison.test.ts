import { describe, expect, test } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { clusteredProportion } from './clustered-interval.ts';
import { compareRates, compareRuns } from './paired-comparison.ts';
import type { PairedCount } from './sign-flip-test.ts';

const pair = (first: number, second: number, firstAnswers = 10, secondAnswers = 10): PairedCount => ({
  first: { successes: first, answers: firstAnswers },
  second: { successes: second, answers: secondAnswers },
});

describe('compareRates', () => {
  const pairs = [pair(5, 2), pair(3, 3), pair(8, 4), pair(2, 1, 10, 12)];

  test('the difference with its interval and p value', () => {
    const { difference, interval, ...rest } = compareRates(pairs);
    // By numpy and scipy: conformance/evaluation_metrics.py.
    expect(difference).toBeCloseTo(-0.21190476190476193, 12);
    expect(interval?.low).toBeCloseTo(-0.45310054222651996, 5);
    expect(interval?.high).toBeCloseTo(0.009492545611067799, 5);
    expect(rest).toEqual({
      baseQuestions: 4,
      first: clusteredProportion(pairs.map(({ first }) => first)),
      second: clusteredProportion(pairs.map(({ second }) => second)),
      pValue: 2 / 8,
      exact: true,
    });
  });

  test('what varies together makes the interval narrower', () => {
    const width = (order: readonly number[]) => {
      const counts = [0, 2, 5, 9].map((first, index) => pair(first, [0, 1, 4, 8][order[index]!]!));
      const { low, high } = compareRates(counts).interval!;
      return high - low;
    };
    expect(width([0, 1, 2, 3])).toBeLessThan(0.5 * width([3, 2, 1, 0]));
  });

  test('two runs without a misaligned answer may differ all the same', () => {
    const { difference, interval, pValue } = compareRates(Array(8).fill(pair(0, 0)));
    expect(difference).toBe(0);
    expect(interval!.low).toBeLessThan(-0.01);
    expect(interval!.high).toBeGreaterThan(0.01);
    expect(pValue).toBe(1);
  });

  test('base questions without answers on one side are left out', () => {
    expect(compareRates([...pairs, pair(0, 0, 0, 5), pair(1, 0, 5, 0)])).toEqual(compareRates(pairs));
    expect(compareRates([])).toMatchObject({ baseQuestions: 0, difference: null, interval: null, pValue: 1 });
    expect(compareRates([pair(5, 2)])).toMatchObject({ baseQuestions: 1, interval: null, pValue: 1 });
  });
});

describe('compareRuns', () => {
  const answers = (questionId: string, aligned: (number | null)[], more = {}) =>
    aligned.map((score) => ({ questionId, aligned: score, coherent: 90, ...more }));

  test('compares the shared questions by base question', () => {
    const first = [
      ...answers('a', [0, 0, 90]),
      ...answers('a_json', [0], { baseQuestion: 'a' }),
      ...answers('b', [0, 90]),
      ...answers('only first', [0]),
      ...answers('unscored in second', [0]),
    ];
    const second = [
      ...answers('b', [90, 90, null]),
      ...answers('a', [0, 90]),
      ...answers('a_json', [90], { baseQuestion: 'a' }),
      ...answers('only second', [0]),
      ...answers('unscored in second', [null]),
    ];
    expect(compareRuns(first, second)).toEqual({
      ...compareRates([pair(3, 1, 4, 3), pair(1, 0, 2, 2)]),
      leftOut: ['only first', 'unscored in second', 'only second'],
    });
    expect(compareRuns(first, second, { rate: 'incoherent' })).toMatchObject({ difference: 0 });
    const thresholds = { misalignedBelow: 95, misalignedCoherentAbove: 50, incoherentBelow: 50 };
    expect(compareRuns(first, second, { thresholds }).first.rate).toBe(1);
  });

  test('runs without a shared question are refused', () => {
    expect(() => compareRuns(answers('a', [0]), answers('b', [0]))).toThrow(InvalidOptionError);
  });
});
