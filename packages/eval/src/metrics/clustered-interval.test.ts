import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { barStudies } from '../../../../conformance/interval-coverage/studies.ts';
import { Random } from '../../../../conformance/random.ts';
import { type ClusterCount, totalOf } from './cluster-count.ts';
import { clusteredInterval, clusteredProportion } from './clustered-interval.ts';

/** So many clusters of so many answers, of which the first have successes. */
const clusters = (count: number, answers: number, ...successes: number[]): ClusterCount[] =>
  Array.from({ length: count }, (_, index) => ({ successes: successes[index] ?? 0, answers }));

const unequal: ClusterCount[] = [
  { successes: 3, answers: 5 },
  { successes: 0, answers: 20 },
  { successes: 40, answers: 50 },
  { successes: 9, answers: 100 },
  { successes: 120, answers: 300 },
];

describe('clusteredInterval', () => {
  // By scipy: conformance/evaluation_metrics.py.
  test.each([
    ['few of many', clusters(24, 100, 5, 3, 1, 1), 0.0010768847813504437, 0.021341923111947467],
    ['none', clusters(24, 100), 0, 0.011800578176335137],
    ['all', clusters(4, 100, 100, 100, 100, 100), 0.8485947127175169, 1],
    ['one answer each', clusters(24, 1, 1, 1, 1), 0.03119049780327135, 0.3274177028533618],
    ['unequal', unequal, 0.10890195705131832, 0.673195760296776],
    ['alike', clusters(8, 100, ...Array(8).fill(10)), 0.07762915636131892, 0.12792348237747106],
    ['two', clusters(2, 5, 1, 2), 0.002422278649561912, 0.9846842542946683],
  ])('%s', (_, counts, low, high) => {
    const interval = clusteredInterval(counts)!;
    expect(interval.low).toBeCloseTo(low, 5);
    expect(interval.high).toBeCloseTo(high, 5);
  });

  const counts = fc.array(
    fc
      .integer({ min: 1, max: 40 })
      .chain((answers) =>
        fc.record({ successes: fc.integer({ min: 0, max: answers }), answers: fc.constant(answers) }),
      ),
    { minLength: 2, maxLength: 8 },
  );

  test('holds the rate, has a width, mirrors, and knows neither order nor empty clusters', () => {
    fc.assert(
      fc.property(counts, (drawn) => {
        const { successes, answers } = totalOf(drawn);
        const { low, high } = clusteredInterval(drawn)!;
        expect(0 <= low && low <= successes / answers && successes / answers <= high && high <= 1).toBe(true);
        expect(high - low).toBeGreaterThan(0.01);
        const mirrored = clusteredInterval(
          drawn.map((count) => ({ ...count, successes: count.answers - count.successes })),
        )!;
        expect(1 - mirrored.high).toBeCloseTo(low, 4);
        expect(1 - mirrored.low).toBeCloseTo(high, 4);
        const other = clusteredInterval([{ successes: 0, answers: 0 }, ...drawn.toReversed()])!;
        expect(other.low).toBeCloseTo(low, 6);
        expect(other.high).toBeCloseTo(high, 6);
      }),
      { numRuns: 50 },
    );
  });

  test('more answers to the same few questions hardly help, more questions do', () => {
    const width = (counts: ClusterCount[]) => {
      const { low, high } = clusteredInterval(counts)!;
      return high - low;
    };
    const few = clusters(4, 50, 0, 5, 10, 25);
    const answers = few.map((count) => ({ successes: 20 * count.successes, answers: 20 * count.answers }));
    expect(width(answers)).toBeGreaterThan(0.8 * width(few));
    expect(width([...few, ...few, ...few, ...few])).toBeLessThan(0.4 * width(few));
  });

  test('one question tells nothing about others', () => {
    expect(clusteredInterval(clusters(1, 100, 50))).toBeNull();
    expect(clusteredInterval([...clusters(1, 100, 50), ...clusters(3, 0)])).toBeNull();
    expect(clusteredProportion([])).toEqual({ numerator: 0, denominator: 0, rate: null, interval: null });
    expect(clusteredProportion(clusters(1, 4, 1))).toMatchObject({ rate: 0.25, interval: null });
  });

  test.each(barStudies.map((study) => [study.name, study] as const))(
    'holds the truth about as often as it says: %s',
    (_, study) => {
      const random = new Random(3);
      const drawn = Array.from({ length: 200 }, () => clusteredInterval(study.draw(random).map(totalOf))!);
      const held = drawn.filter(({ low, high }) => low <= study.truth && study.truth <= high).length;
      // Three standard errors below 93 of 100; at 95 % there are 190.
      expect(held).toBeGreaterThan(175);
    },
  );
});
