import { describe, expect, it } from 'vitest';
import { seededDraws } from './seeded-draws.ts';

describe('seededDraws', () => {
  it('is a pure function of the seed', () => {
    const [first, again, other] = [seededDraws(7), seededDraws(7), seededDraws(7 + 2 ** 32)];
    const numbers = Array.from({ length: 5 }, first);
    expect(Array.from({ length: 5 }, again)).toEqual(numbers);
    expect(Array.from({ length: 5 }, other)).not.toEqual(numbers);
    for (const number of numbers) expect(number >= 0 && number < 1).toBe(true);
  });

  it('has unrelated first and second numbers for neighbouring seeds', () => {
    for (const place of [0, 1]) {
      const numbers = Array.from({ length: 4000 }, (_, seed) => {
        const draw = seededDraws(seed);
        return [draw(), draw()][place]!;
      });
      const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
      const products = numbers.slice(1).map((value, seed) => (value - 0.5) * (numbers[seed]! - 0.5));
      const correlation = (12 * products.reduce((sum, value) => sum + value, 0)) / products.length;
      expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
      expect(Math.abs(correlation)).toBeLessThan(0.07);
    }
  });
});
