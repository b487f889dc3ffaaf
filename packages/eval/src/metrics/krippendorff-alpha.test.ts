import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { krippendorffAlpha } from './krippendorff-alpha.ts';

/** Krippendorff (2011), example C: 4 observers, 12 units, missing ratings. */
const observers = [
  [1, 2, 3, 3, 2, 1, 4, 1, 2, null, null, null],
  [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, null, 3],
  [null, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, null],
  [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, null],
];
const units = observers[0]!.map((_, unit) => observers.map((ratings) => ratings[unit]!));

test.each([
  ['nominal', 0.743],
  ['ordinal', 0.815],
  ['interval', 0.849],
] as const)('the published example, %s: %d', (level, published) => {
  const { alpha, ...counts } = krippendorffAlpha(units, { level });
  expect(alpha).toBeCloseTo(published, 3);
  expect(counts).toEqual({ units: 11, ratings: 40 });
});

test.each([
  ['0100000010', '1110010000', 0.095],
  ['aabbdcccedda', 'babbbccceddd', 0.692],
])('the published examples of two observers: %s and %s agree by %d', (first, second, published) => {
  const words = [...first].map((word, unit) => [word, second[unit]!]);
  expect(krippendorffAlpha(words, { level: 'nominal' }).alpha).toBeCloseTo(published, 3);
});

test('is 1 where all agree, null where nothing varies or nothing can be compared', () => {
  expect(
    krippendorffAlpha([
      [0, 0],
      [50, 50, null],
      [100, 100],
    ]).alpha,
  ).toBe(1);
  expect(
    krippendorffAlpha([
      [0.1, 0.1],
      [0.1, 0.1, 0.1],
    ]).alpha,
  ).toBeNull();
  expect(krippendorffAlpha([[1, null], [2]])).toEqual({ alpha: null, units: 0, ratings: 0 });
});

test('the interval level knows no unit and no zero; the ordinal only order', () => {
  const rating = fc.option(fc.integer({ min: 0, max: 20 }));
  fc.assert(
    fc.property(fc.array(fc.array(rating, { minLength: 2, maxLength: 4 }), { minLength: 2 }), (drawn) => {
      const changed = (change: (value: number) => number) =>
        drawn.map((ratings) => ratings.map((value) => (value === null ? null : change(value))));
      const shifted = krippendorffAlpha(changed((value) => 3 * value + 7)).alpha;
      const alpha = krippendorffAlpha(drawn).alpha;
      if (alpha === null) expect(shifted).toBeNull();
      else expect(shifted).toBeCloseTo(alpha, 9);
      expect(
        krippendorffAlpha(
          changed((value) => value ** 3),
          { level: 'ordinal' },
        ),
      ).toEqual(krippendorffAlpha(drawn, { level: 'ordinal' }));
    }),
  );
});

test('words have no distance', () => {
  expect(() => krippendorffAlpha([['low', 'high']], { level: 'ordinal' })).toThrow(InvalidOptionError);
  expect(() => krippendorffAlpha([[1, Number.NaN]])).toThrow(InvalidOptionError);
});
