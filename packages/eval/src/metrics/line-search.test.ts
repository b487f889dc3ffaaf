import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crossing, peak } from './line-search.ts';

test('finds a peak, also at an end', () => {
  const { place, value } = peak((x) => 3 - (x - 1.25) ** 2, -10, 10, 1e-6);
  expect(place).toBeCloseTo(1.25, 5);
  expect(value).toBeCloseTo(3, 10);
  expect(peak((x) => x, 0, 2, 1e-6).place).toBeCloseTo(2, 5);
});

test('finds where a function becomes negative, in either direction', () => {
  const root = fc.double({ min: -20, max: 20, noNaN: true });
  fc.assert(
    fc.property(root, fc.double({ min: 0.01, max: 50, noNaN: true }), fc.boolean(), (at, steepness, down) => {
      const f = (x: number) => Math.tanh(steepness * (x - at)) * (down ? -1 : 1);
      const found = down ? crossing(f, -24, 24, 1e-9) : crossing(f, 24, -24, 1e-9);
      expect(found).toBeCloseTo(at, 6);
    }),
  );
});

test('goes to the end where the function stays positive', () => {
  expect(crossing(() => 1, 0, 5, 1e-6)).toBe(5);
});
