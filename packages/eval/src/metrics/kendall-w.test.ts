import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { kendallW } from './kendall-w.ts';

describe('kendallW', () => {
  it('is Friedman by scipy 1.17 over m (n - 1), with ties and without', () => {
    expect(
      kendallW([
        [1, 2, 3, 4],
        [1, 3, 2, 4],
        [2, 1, 3, 4],
      ]),
    ).toBeCloseTo(7 / 9, 12);
    expect(
      kendallW([
        [7.5, 12, 3, 3, 9],
        [6, 14, 2, 5, 5],
        [8, 8, 1, 4, 9],
        [3, 20, 2, 7, 6],
      ]),
    ).toBeCloseTo(0.7077922077922082, 12);
  });

  it('is 1 for one order on any scale, 0 for two opposite ones', () => {
    expect(
      kendallW([
        [1, 2, 3],
        [10, 20, 70],
      ]),
    ).toBe(1);
    expect(
      kendallW([
        [1, 2, 3],
        [3, 2, 1],
      ]),
    ).toBe(0);
    // Two of the three say the same: Spearman's mean is (1 - 1 - 1) / 3, so W is (1 + 2 * -1/3) / 3.
    expect(
      kendallW([
        [1, 2, 3],
        [1, 2, 3],
        [3, 2, 1],
      ]),
    ).toBeCloseTo(1 / 9, 12);
  });

  it('is nothing where nothing is ranked', () => {
    expect(kendallW([[1, 2, 3]])).toBe(null);
    expect(kendallW([[1], [2]])).toBe(null);
    expect(
      kendallW([
        [4, 4],
        [0, 0],
      ]),
    ).toBe(null);
  });

  it('refuses values that are missing or cannot be ranked', () => {
    expect(() => kendallW([[1, 2], [1]])).toThrow(InvalidOptionError);
    expect(() =>
      kendallW([
        [1, Number.NaN],
        [1, 2],
      ]),
    ).toThrow('NaN cannot be ranked');
  });
});
