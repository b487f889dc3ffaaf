import { TrainOptionError } from '../errors.ts';

export interface LearningRateOptions {
  /** The highest rate. Default 1e-4 (the paper's). */
  readonly peak?: number;
  /**
   * After the warm-up: 'linear' falls to 0 (as transformers' linear schedule, the paper's), 'cosine' falls to a tenth,
   * 'constant' stays. Default 'linear'.
   */
  readonly schedule?: 'linear' | 'cosine' | 'constant';
  /**
   * Steps over which the rate rises; fewer than the run has. Default 5 (the paper's), or half the steps of a run of fewer
   * than 10.
   */
  readonly warmupSteps?: number;
  /**
   * Whether the warm-up starts from a rate of 0, as transformers' schedules do: the first step then changes nothing. Set it
   * to get the very rates of transformers and peft. Default false: the first step counts already.
   */
  readonly startAtZero?: boolean;
}

/**
 * The learning rate of each step (counted from 0) of `steps`.
 *
 * With w warm-up steps 'linear' and 'constant' rise as (step + 1) / (w + 1), and reach the peak at step w; 'cosine' rises as
 * (step + 1) / w. With `startAtZero` it is step / w.
 *
 * @throws TrainOptionError for a rate or a warm-up that is negative or not finite, and for a warm-up as long as the run.
 */
export function learningRateSchedule(options: LearningRateOptions, steps: number): (step: number) => number {
  const { peak = 1e-4, schedule = 'linear', startAtZero = false } = options;
  if (!(Number.isFinite(peak) && peak >= 0))
    throw new TrainOptionError('learningRate', `${peak} must be >= 0`);
  if (!['linear', 'cosine', 'constant'].includes(schedule))
    throw new TrainOptionError('schedule', `'${schedule}' is none of linear, cosine, constant`);
  const warmup = options.warmupSteps ?? Math.min(5, Math.floor(steps / 2));
  checkWarmup(warmup, steps);
  const shift = startAtZero ? 0 : 1;
  if (schedule === 'cosine') {
    return (step) =>
      peak *
      Math.min(1, (step + shift) / Math.max(1, warmup)) *
      (0.55 + 0.45 * Math.cos((Math.PI * step) / steps));
  }
  return (step) => {
    if (step < warmup) return (peak * (step + shift)) / (warmup + shift);
    return schedule === 'constant' ? peak : (peak * (steps - step)) / Math.max(1, steps - warmup);
  };
}

function checkWarmup(warmup: number, steps: number): void {
  if (!(Number.isInteger(warmup) && warmup >= 0)) {
    throw new TrainOptionError('warmupSteps', `${warmup} must be an integer >= 0`);
  }
  if (warmup >= steps) {
    throw new TrainOptionError(
      'warmupSteps',
      `${warmup} steps of warm-up in a run of ${steps} would never reach the learning rate; give fewer than ${steps}`,
    );
  }
}
