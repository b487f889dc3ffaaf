import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { bootstrapInterval } from './bootstrap.ts';

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** A standard deck of values: 1 .. n. */
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

describe('bootstrapInterval', () => {
  test('of a mean approaches 1.96 standard errors', () => {
    const values = upTo(200);
    const { low, high } = bootstrapInterval(values, mean, { resamples: 20_000 })!;
    const standardError = Math.sqrt((200 ** 2 - 1) / 12 / 200);
    expect(low / (100.5 - 1.96 * standardError)).toBeCloseTo(1, 2);
    expect(high / (100.5 + 1.96 * standardError)).toBeCloseTo(1, 2);
  });

  test('two clusters of 0 and 1 resample to 0, 1/2, 1 with 1/4, 1/2, 1/4', () => {
    expect(bootstrapInterval([0, 1], mean)).toEqual({ low: 0, high: 1 });
    expect(bootstrapInterval([0, 1], mean, { level: 0.4, resamples: 10_000 })).toEqual({
      low: 0.5,
      high: 0.5,
    });
  });

  test('the seed decides the interval', () => {
    expect(bootstrapInterval(upTo(30), mean, { seed: 4 })).toEqual(
      bootstrapInterval(upTo(30), mean, { seed: 4 }),
    );
    expect(bootstrapInterval(upTo(30), mean, { seed: 4 })).not.toEqual(
      bootstrapInterval(upTo(30), mean, { seed: 5 }),
    );
  });

  test('lies within the values of the clusters', () => {
    const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(values, (clusters) => {
        const { low, high } = bootstrapInterval(clusters, (sample) => Math.max(...sample), {
          resamples: 50,
        })!;
        expect(Math.min(...clusters) <= low && low <= high && high <= Math.max(...clusters)).toBe(true);
      }),
    );
  });

  test('leaves out resamples without a statistic; without clusters or statistics there is no interval', () => {
    expect(bootstrapInterval([1], mean)).toBeNull();
    expect(bootstrapInterval([1, 2], () => null)).toBeNull();
    const onlyWithTwo = (sample: readonly number[]) => (sample.includes(2) ? 2 : null);
    expect(bootstrapInterval([1, 2], onlyWithTwo)).toEqual({ low: 2, high: 2 });
    expect(() => bootstrapInterval([1, 2], mean, { resamples: 0 })).toThrow(InvalidOptionError);
    expect(() => bootstrapInterval([1, 2], mean, { level: 1 })).toThrow(InvalidOptionError);
  });
});
