import { describe, expect, it } from 'vitest';
import { TrainOptionError } from '../errors.ts';
import { type LearningRateOptions, learningRateSchedule } from './learning-rate.ts';

const rates = (options: LearningRateOptions, steps: number) =>
  Array.from({ length: steps }, (_, step) => learningRateSchedule(options, steps)(step));
const close = (expected: number[]) => expected.map((value) => expect.closeTo(value, 12));

describe('learningRateSchedule', () => {
  it("is transformers' linear schedule with warm-up when it starts at zero", () => {
    // get_linear_schedule_with_warmup(optimizer, 2, 5) at a peak of 0.01
    const expected = [0, 0.005, 0.01, 0.02 / 3, 0.01 / 3];
    expect(rates({ peak: 0.01, warmupSteps: 2, startAtZero: true }, 5)).toEqual(close(expected));
  });

  it('otherwise leaves out the first rate of transformers, which is 0: the warm-up and all other rates are its', () => {
    // get_linear_schedule_with_warmup(optimizer, 3, 6) at a peak of 0.01 from its second step
    const expected = [0.01 / 3, 0.02 / 3, 0.01, 0.02 / 3, 0.01 / 3];
    expect(rates({ peak: 0.01, warmupSteps: 2 }, 5)).toEqual(close(expected));
  });

  it.each([1, 2, 3, 9, 10, 40])('wastes none of %i steps by default', (steps) => {
    for (const schedule of ['linear', 'cosine', 'constant'] as const) {
      const all = rates({ schedule, peak: 1 }, steps);
      expect(Math.min(...all)).toBeGreaterThan(0);
      expect(all.indexOf(Math.max(...all))).toBeLessThanOrEqual(Math.min(5, steps / 2));
    }
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

  it('keeps a warm-up of more than half the run, and refuses one that would leave no step at the peak', () => {
    expect(rates({ peak: 1, warmupSteps: 4 }, 5)).toEqual(close([0.2, 0.4, 0.6, 0.8, 1]));
    expect(() => learningRateSchedule({ warmupSteps: 5 }, 5)).toThrow(
      'warmupSteps: 5 steps of warm-up in a run of 5 would never reach the learning rate; give fewer than 5',
    );
  });

  it('refuses a negative rate, and a schedule that there is not', () => {
    expect(() => learningRateSchedule({ peak: -1 }, 10)).toThrow(TrainOptionError);
    expect(() => learningRateSchedule({ schedule: 'sine' as 'cosine' }, 10)).toThrow(
      "'sine' is none of linear, cosine, constant",
    );
  });
});
