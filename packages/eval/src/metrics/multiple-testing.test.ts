import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { benjaminiHochberg, holm } from './multiple-testing.ts';

/** The p values of the example in Benjamini and Hochberg (1995), 4.1, in another order. */
const published = [
  0.459, 0.0001, 0.0019, 0.0004, 0.0278, 0.0095, 0.0201, 0.0298, 0.0344, 0.324, 0.4262, 0.5719, 0.6528, 0.759,
  1,
];

test('of the published example Benjamini and Hochberg reject 4 at 0.05, Holm 3', () => {
  const rejected = (adjusted: readonly number[]) => published.filter((_, index) => adjusted[index]! <= 0.05);
  expect(rejected(benjaminiHochberg(published))).toEqual([0.0001, 0.0019, 0.0004, 0.0095]);
  expect(rejected(holm(published))).toEqual([0.0001, 0.0019, 0.0004]);
});

test('adjusted values by hand', () => {
  expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
  expect(benjaminiHochberg([0.01, 0.04, 0.03])).toEqual([0.03, 0.04, 0.04]);
  expect(holm([0.6, 0.7])).toEqual([1, 1]);
  expect(holm([])).toEqual([]);
});

test('never below the p value, never above Bonferroni; Holm above Benjamini and Hochberg', () => {
  const pValues = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });
  fc.assert(
    fc.property(pValues, (values) => {
      const strict = holm(values);
      const mild = benjaminiHochberg(values);
      for (const [index, value] of values.entries()) {
        expect(value).toBeLessThanOrEqual(mild[index]! * (1 + 1e-12));
        expect(mild[index]).toBeLessThanOrEqual(strict[index]! * (1 + 1e-12));
        expect(strict[index]).toBeLessThanOrEqual(Math.min(1, value * values.length * (1 + 1e-12)));
      }
    }),
  );
});

test('a p value is between 0 and 1', () => {
  expect(() => holm([0.5, 1.2])).toThrow(InvalidOptionError);
  expect(() => benjaminiHochberg([Number.NaN])).toThrow(InvalidOptionError);
});
