import { RegularizerOptionError } from '../errors.ts';
import { checkChoice, checkOptions } from './options.ts';

/**
 * lambda: a constant; a value that moves from `from` to `to` over the course of training; or one that begins at `from` and is
 * steered so that the penalty stays near `target`, see {@link adaptedWeight}.
 */
export type WeightSchedule =
  | number
  | {
      readonly from: number;
      readonly to: number;
      /** How it moves. Default 'linear'. */
      readonly shape?: 'linear' | 'cosine';
    }
  | AdaptiveWeight;

/** A weight that follows its penalty. */
export interface AdaptiveWeight {
  /** The weight of the first step; above 0. */
  readonly from: number;
  /** The value of the penalty to stay near; above 0. */
  readonly target: number;
  /** K: how fast the weight follows. Default 0.1. */
  readonly gain?: number;
}

/** The weight when `progress` (0 at the first step, 1 at the last) of training is done; of one that follows its penalty, the first. */
export function weightAt(schedule: WeightSchedule, progress: number): number {
  if (typeof schedule === 'number') return schedule;
  if ('target' in schedule) return schedule.from;
  const { from, to, shape = 'linear' } = schedule;
  const moved = shape === 'linear' ? progress : (1 - Math.cos(Math.PI * progress)) / 2;
  return from + (to - from) * moved;
}

/**
 * The weight of the next step, by the controller of Ziegler et al. 2019 (arXiv 1909.08593, section 2.2):
 *
 *     lambda (1 + K e),   e = clip((penalty - target) / target, -0.2, 0.2)
 */
export function adaptedWeight(
  { target, gain = 0.1 }: AdaptiveWeight,
  weight: number,
  penalty: number,
): number {
  const error = Math.min(0.2, Math.max(-0.2, (penalty - target) / target));
  return weight * (1 + gain * error);
}

/** @throws RegularizerOptionError when a weight is negative or not finite. */
export function checkWeight(regularizer: string, schedule: WeightSchedule): WeightSchedule {
  if (typeof schedule === 'object' && schedule !== null && 'target' in schedule)
    return checkAdaptive(regularizer, schedule);
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

function checkAdaptive(regularizer: string, weight: AdaptiveWeight): AdaptiveWeight {
  checkOptions('weight', weight, ['from', 'target', 'gain']);
  const { from, target, gain = 0.1 } = weight;
  for (const [name, value] of Object.entries({ from, target, gain })) {
    if (Number.isFinite(value) && value > 0) continue;
    throw new RegularizerOptionError(regularizer, `${name} of the weight is ${value}, must be above 0`);
  }
  if (gain < 5) return weight;
  throw new RegularizerOptionError(regularizer, `gain of the weight is ${gain}, must be below 5`);
}
