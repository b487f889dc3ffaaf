import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clusteredMean } from './clustered-mean.ts';

// By numpy: conformance/evaluation_metrics.py.
test.each([
  [
    [
      [90, 10, 80],
      [0, 60],
    ],
    48,
    1.6296859295214,
    98.09277861717986,
  ],
  [
    [
      [100, 100, 100],
      [0, 0],
    ],
    60,
    0.23102192913843647,
    99.89719163712556,
  ],
  [[[10, 20], [30], [35, 45, 55]], 32.5, 7.357609098616223, 74.48320452066301],
])('%j', (clusters, mean, low, high) => {
  const found = clusteredMean(clusters);
  expect(found.mean).toBeCloseTo(mean, 12);
  expect(found.interval?.low).toBeCloseTo(low, 8);
  expect(found.interval?.high).toBeCloseTo(high, 8);
});

test('never collapses, and holds the mean', () => {
  const scores = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(scores, { minLength: 2, maxLength: 6 }), (clusters) => {
      const { mean, interval } = clusteredMean(clusters);
      expect(interval!.low).toBeGreaterThanOrEqual(0);
      expect(interval!.low).toBeLessThanOrEqual(mean! + 1e-9);
      expect(interval!.high).toBeGreaterThanOrEqual(mean! - 1e-9);
      expect(interval!.high).toBeLessThanOrEqual(100);
      expect(interval!.high - interval!.low).toBeGreaterThan(0);
    }),
  );
});

test('equal clusters count by scores, equal ends by clusters', () => {
  const even = clusteredMean([
    [50, 50],
    [50, 50],
  ]).interval!;
  const many = clusteredMean([Array(50).fill(50), Array(50).fill(50)]).interval!;
  expect(many.high - many.low).toBeLessThan(even.high - even.low);
  expect(clusteredMean([[0, 0], [0]]).interval).toEqual(clusteredMean([[0], [0]]).interval);
});

test('one cluster has a mean and no interval, none has neither', () => {
  expect(clusteredMean([[10, 20], []])).toEqual({ numerator: 30, denominator: 2, mean: 15, interval: null });
  expect(clusteredMean([])).toEqual({ numerator: 0, denominator: 0, mean: null, interval: null });
});
