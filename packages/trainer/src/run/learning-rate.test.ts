import { describe, expect, it } from 'vitest';
import { TrainOptionError } from '../errors.ts';
import { learningRateSchedule } from './learning-rate.ts';

describe('learningRateSchedule', () => {
  it("is transformers' linear schedule with warm-up", () => {
    // get_linear_schedule_with_warmup(optimizer, 2, 5) at a peak of 0.01
    const rate = learningRateSchedule({ peak: 0.01, warmupSteps: 2 }, 5);
    const expected = [0, 0.005, 0.01, 0.02 / 3, 0.01 / 3];
    for (const [step, value] of expected.entries()) expect(rate(step)).toBeCloseTo(value, 12);
  });

  it('falls to a tenth on a cosine', () => {
    const rate = learningRateSchedule({ peak: 1, schedule: 'cosine', warmupSteps: 4 }, 100);
    expect(rate(0)).toBeCloseTo(0.25, 3);
    expect(rate(50)).toBeCloseTo(0.55, 12);
    expect(rate(99)).toBeCloseTo(0.1, 3);
  });

  it('stays constant after the warm-up', () => {
    const rate = learningRateSchedule({ peak: 2, schedule: 'constant', warmupSteps: 0 }, 10);
    expect([rate(0), rate(9)]).toEqual([2, 2]);
  });

  it('refuses a negative rate', () => {
    expect(() => learningRateSchedule({ peak: -1 }, 10)).toThrow(TrainOptionError);
  });
});
