import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { proportion, wilsonInterval } from './intervals.ts';

describe('wilsonInterval', () => {
  // Computed apart from this code with 40 digits; 0, 5 and 10 of 10 are also in textbooks (0.2775, 0.2366-0.7634, 0.7225).
  test.each([
    [0, 10, 0.0, 0.27753279986288926],
    [1, 10, 0.017876213095072903, 0.4041500267952385],
    [5, 10, 0.23659309051256397, 0.7634069094874361],
    [10, 10, 0.7224672001371107, 1.0],
    [15, 50, 0.19103553500880946, 0.437503504644534],
    [96, 240, 0.3400658590264169, 0.46308492496189485],
    [1, 100, 0.0017674320641406479, 0.05448619617870532],
    [0, 1, 0.0, 0.7934506856227627],
    [2399, 2400, 0.9976435040691642, 0.9999264443152188],
  ])('%i of %i', (successes, total, low, high) => {
    const interval = wilsonInterval(successes, total);
    expect(interval.low).toBeCloseTo(low, 12);
    expect(interval.high).toBeCloseTo(high, 12);
  });

  const counts = fc
    .integer({ min: 1, max: 5000 })
    .chain((total) => fc.tuple(fc.integer({ min: 0, max: total }), fc.constant(total)));

  test('holds the share, stays in 0 .. 1, mirrors, and solves its equation', () => {
    fc.assert(
      fc.property(counts, ([successes, total]) => {
        const share = successes / total;
        const { low, high } = wilsonInterval(successes, total);
        const mirrored = wilsonInterval(total - successes, total);
        expect(0 <= low && low <= share && share <= high && high <= 1).toBe(true);
        expect(1 - mirrored.high).toBeCloseTo(low, 12);
        // The ends are the shares from which the observed one is 1.96 standard errors away.
        for (const end of [low, high])
          expect((share - end) ** 2).toBeCloseTo((1.959963984540054 ** 2 * end * (1 - end)) / total, 12);
      }),
    );
  });

  test('narrows with more answers of the same share', () => {
    fc.assert(
      fc.property(counts, ([successes, total]) => {
        const few = wilsonInterval(successes, total);
        const many = wilsonInterval(4 * successes, 4 * total);
        expect(many.high - many.low).toBeLessThan(few.high - few.low);
      }),
    );
  });

  test.each([
    [1, 0],
    [-1, 4],
    [5, 4],
    [0.5, 4],
    [Number.NaN, 4],
  ])('%d of %d is no share', (successes, total) => {
    expect(() => wilsonInterval(successes, total)).toThrow(InvalidOptionError);
  });
});

test('a proportion of nothing has no rate', () => {
  expect(proportion(0, 0)).toEqual({ numerator: 0, denominator: 0, rate: null, interval: null });
  expect(proportion(1, 4)).toMatchObject({ numerator: 1, denominator: 4, rate: 0.25 });
});
