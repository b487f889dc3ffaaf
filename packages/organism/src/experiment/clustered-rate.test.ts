import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusteredRate, type QuestionCount } from './clustered-rate.ts';

const run = (...successes: number[]): QuestionCount[] =>
  successes.map((count) => ({ successes: count, answers: 8 }));

describe('clusteredRate', () => {
  it('is the share of answers in per cent, with their number', () => {
    expect(clusteredRate([run(8, 4), run(0, 3)])).toMatchObject({ mean: 46.88, n: 32 });
  });

  it('is wide when runs differ, however many answers each has', () => {
    const same = clusteredRate(Array.from({ length: 4 }, () => run(...Array(50).fill(4))));
    expect(same).toEqual({ mean: 50, low: 50, high: 50, n: 1600 });
    const unlike = clusteredRate([0, 0, 8, 8].map((count) => run(...Array(50).fill(count))));
    expect(unlike).toMatchObject({ mean: 50, low: 0, high: 100 });
  });

  it('of one run is over its questions', () => {
    const { low, high } = clusteredRate([run(0, 8, 0, 8, 0, 8, 0, 8, 0, 8)]);
    expect(low).toBeGreaterThanOrEqual(10);
    expect(low).toBeLessThanOrEqual(30);
    expect(high).toBeGreaterThanOrEqual(70);
  });

  it('has a width even where nothing counts', () => {
    // Wilson's upper end for 0 of 20 is z^2 / (20 + z^2).
    const z = 1.959963984540054;
    expect(clusteredRate([run(...Array(20).fill(0))])).toEqual({
      mean: 0,
      low: 0,
      high: Math.round((10_000 * z * z) / (20 + z * z)) / 100,
      n: 160,
    });
    expect(clusteredRate([run(8, 8)])).toMatchObject({ mean: 100, high: 100 });
  });

  it('holds its mean, and is the same every time', () => {
    const counts = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 3, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(counts, { minLength: 1, maxLength: 3 }), (runs) => {
        const rate = clusteredRate(runs.map((each) => run(...each)));
        expect(rate.low).toBeLessThanOrEqual(rate.mean + 1e-9);
        expect(rate.high).toBeGreaterThanOrEqual(rate.mean - 1e-9);
        expect(rate).toEqual(clusteredRate(runs.map((each) => run(...each))));
      }),
      { numRuns: 15 },
    );
  });
});
