import { RegularizerOptionError } from '../errors.ts';
import { checkChoice, checkOptions } from './options.ts';

/** lambda: a constant, or a value that moves from `from` to `to` over the course of training. */
export type WeightSchedule =
  | number
  | {
      readonly from: number;
      readonly to: number;
      /** How it moves. Default 'linear'. */
      readonly shape?: 'linear' | 'cosine';
    };

/** The weight when `progress` (0 at the first step, 1 at the last) of training is done. */
export function weightAt(schedule: WeightSchedule, progress: number): number {
  if (typeof schedule === 'number') return schedule;
  const { from, to, shape = 'linear' } = schedule;
  const moved = shape === 'linear' ? progress : (1 - Math.cos(Math.PI * progress)) / 2;
  return from + (to - from) * moved;
}

/** @throws RegularizerOptionError when a weight is negative or not finite. */
export function checkWeight(regularizer: string, schedule: WeightSchedule): WeightSchedule {
  if (typeof schedule !== 'number') {
    checkOptions('weight', schedule, ['from', 'to', 'shape']);
    checkChoice(regularizer, 'shape of the weight', schedule.shape ?? 'linear', ['linear', 'cosine']);
  }
  const values = typeof schedule === 'number' ? [schedule] : [schedule.from, schedule.to];
  for (const value of values) {
    if (!Number.isFinite(value) || value < 0) {
      throw new RegularizerOptionError(regularizer, `the weight is ${value}, must be a number >= 0`);
    }
  }
  return schedule;
}
