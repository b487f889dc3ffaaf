import fc from 'fast-check';
import { expect, test } from 'vitest';
import { differenceInterval } from './difference-interval.ts';

const reach = (rate: number, below: number, above: number) => ({ rate, below, above });

test('without correlation errors add as squares, the outer sides for each end', () => {
  const { low, high } = differenceInterval(reach(0.4, 0.03, 0.04), reach(0.3, 0.03, 0.12), 0);
  expect(low).toBeCloseTo(-0.1 - 0.05, 12);
  expect(high).toBeCloseTo(-0.1 + Math.hypot(0.12, 0.03), 12);
});

test('errors in common cancel', () => {
  const alike = differenceInterval(reach(0.4, 0.2, 0.2), reach(0.3, 0.2, 0.2), 0.98);
  expect(alike.high - alike.low).toBeCloseTo(2 * 0.2 * Math.sqrt(2 * 0.02), 12);
  const half = differenceInterval(reach(0.4, 0.2, 0.3), reach(0.2, 0.1, 0.15), 0.9999);
  expect(half.low).toBeCloseTo(-0.2 - 0.15, 3);
  expect(half.high).toBeCloseTo(-0.2 + 0.1, 3);
});

test('is what a walk around the ellipse finds', () => {
  const length = fc.double({ min: 0.001, max: 0.3, noNaN: true });
  fc.assert(
    fc.property(
      fc.tuple(length, length, length, length),
      fc.double({ min: -0.99, max: 0.99, noNaN: true }),
      ([belowFirst, aboveFirst, belowSecond, aboveSecond], correlation) => {
        const found = differenceInterval(
          reach(0.5, belowFirst, aboveFirst),
          reach(0.5, belowSecond, aboveSecond),
          correlation,
        );
        let low = 0;
        let high = 0;
        for (let angle = 0; angle < 2 * Math.PI; angle += 1e-3) {
          const z1 = Math.cos(angle);
          const z2 = correlation * z1 + Math.sqrt(1 - correlation ** 2) * Math.sin(angle);
          const error = z2 * (z2 > 0 ? aboveSecond : belowSecond) - z1 * (z1 > 0 ? aboveFirst : belowFirst);
          low = Math.min(low, error);
          high = Math.max(high, error);
        }
        expect(found.low).toBeCloseTo(low, 3);
        expect(found.high).toBeCloseTo(high, 3);
      },
    ),
  );
});
