import { describe, expect, it } from 'vitest';
import { penaltyWeights, weightAt } from '../index.ts';

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

describe('weights that follow their penalties', () => {
  const weights = () =>
    penaltyWeights([
      { name: 'steady', weight: 3 },
      { name: 'held', weight: { from: 1, target: 2, gain: 0.5 } },
    ]);

  it.each([
    ['rises by a fifth of the gain at most', 200, 1.1],
    ['falls by a fifth of the gain at most', 0, 0.9],
    ['moves with a small error', 2.1, 1.025],
    ['stays where the penalty is the target', 2, 1],
  ])('%s', (_name, penalty, expected) => {
    const of = weights();
    expect(of.at(0)).toEqual({ steady: 3, held: 1 });
    of.follow({ steady: 7, held: penalty });
    expect(of.at(0.5).held).toBeCloseTo(expected, 9);
    expect(of.at(0.5).steady).toBe(3);
  });

  it('stay after a step that does not tell the penalty, and go on from what was saved', () => {
    const of = weights();
    of.follow({ held: 200 });
    of.follow({});
    expect(of.adapted.held).toBeCloseTo(1.1, 9);
    const resumed = weights();
    resumed.restore(of.adapted);
    expect(resumed.at(1)).toEqual(of.at(1));
  });
});
