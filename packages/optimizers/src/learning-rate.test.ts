import { describe, expect, it } from 'vitest';
import { type LearningRateOptions, learningRateSchedule, OptimizerOptionError } from './index.ts';

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
    for (const schedule of ['linear', 'cosine', 'constant', 'wsd'] as const) {
      const all = rates({ schedule, peak: 1 }, steps);
      expect(Math.min(...all)).toBeGreaterThan(0);
      expect(all.indexOf(Math.max(...all))).toBeLessThanOrEqual(Math.min(5, steps / 2));
    }
  });

  it('takes the warm-up as a share of the steps, rounded up', () => {
    for (const steps of [10, 33]) {
      const options = { peak: 0.5, schedule: 'wsd' } as const;
      const warmupSteps = Math.ceil(0.21 * steps);
      expect(rates({ ...options, warmupShare: 0.21 }, steps)).toEqual(
        rates({ ...options, warmupSteps }, steps),
      );
    }
  });

  it('takes a schedule of your own as shares of the peak', () => {
    expect(rates({ peak: 2, schedule: (step, steps) => step / steps }, 4)).toEqual([0, 0.5, 1, 1.5]);
    expect(() => rates({ schedule: () => Number.NaN }, 4)).toThrow('schedule: gives NaN for step 0');
  });

  it.each([
    [{ warmupShare: 0.1, warmupSteps: 2 }, 'warmupShare: is given together with warmupSteps'],
    [{ warmupShare: 1 }, 'warmupShare: 1 must be a share of the steps, 0 <= share < 1'],
    [{ warmupShare: 0.95 }, 'warmupShare: 10 steps of warm-up in a run of 10'],
    [{ decayShare: 0.5 }, "decayShare: has no meaning with 'linear' as schedule"],
    [{ schedule: 'wsd', decayShare: 0 }, 'decayShare: 0 must be a share'],
    [{ schedule: 'wsd', decayShare: 0.8, warmupSteps: 3 }, '3 steps of warm-up and 8 of decay are more than'],
    [{ schedule: () => 1, warmupSteps: 0 }, 'warmupSteps: has no meaning with a schedule of your own'],
  ] as const)('refuses %o', (options, message) => {
    expect(() => learningRateSchedule(options, 10)).toThrow(message);
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
    expect(() => learningRateSchedule({ peak: -1 }, 10)).toThrow(OptimizerOptionError);
    expect(() => learningRateSchedule({ schedule: 'sine' as 'cosine' }, 10)).toThrow(
      "'sine' is none of linear, cosine, constant, wsd",
    );
  });
});
