import { describe, expect, it } from 'vitest';
import { weightAt } from '../index.ts';

describe('weightAt', () => {
  it.each([
    ['a constant', 0.1, [0.1, 0.1, 0.1, 0.1, 0.1]],
    ['a line, by default', { from: 1, to: 0 }, [1, 0.75, 0.5, 0.25, 0]],
    ['a line upwards', { from: 0, to: 2, shape: 'linear' }, [0, 0.5, 1, 1.5, 2]],
    ['half a cosine', { from: 1, to: 0, shape: 'cosine' }, [1, 0.8535534, 0.5, 0.1464466, 0]],
  ] as const)('%s', (_name, schedule, expected) => {
    const values = [0, 0.25, 0.5, 0.75, 1].map((progress) => weightAt(schedule, progress));
    values.forEach((value, index) => {
      expect(value).toBeCloseTo(expected[index]!, 6);
    });
  });
});
