import { TrainOptionError } from '../errors.ts';

export interface LearningRateOptions {
  /** The highest rate. Default 1e-4 (the paper's). */
  readonly peak?: number;
  /**
   * After the warm-up: 'linear' falls to 0 (transformers' linear schedule, the paper's), 'cosine' falls to a tenth,
   * 'constant' stays. Default 'linear'.
   */
  readonly schedule?: 'linear' | 'cosine' | 'constant';
  /** Steps over which the rate rises from 0. Default 5 (the paper's). */
  readonly warmupSteps?: number;
}

/**
 * The learning rate of each step (counted from 0) of `steps`.
 *
 * 'linear' and 'constant' warm up as transformers do, from 0 at the first step; 'cosine' takes (step + 1) / warm-up.
 *
 * @throws TrainOptionError for a rate or a warm-up that is negative or not finite.
 */
export function learningRateSchedule(options: LearningRateOptions, steps: number): (step: number) => number {
  const { peak = 1e-4, schedule = 'linear', warmupSteps = 5 } = options;
  if (!(Number.isFinite(peak) && peak >= 0))
    throw new TrainOptionError('learningRate', `${peak} must be >= 0`);
  if (!(Number.isInteger(warmupSteps) && warmupSteps >= 0)) {
    throw new TrainOptionError('warmupSteps', `${warmupSteps} must be an integer >= 0`);
  }
  // A warm-up longer than half of a short run would leave no training.
  const warmup = Math.min(warmupSteps, Math.floor(steps / 2));
  if (schedule === 'cosine') {
    return (step) =>
      peak *
      Math.min(1, (step + 1) / Math.max(1, warmup)) *
      (0.55 + 0.45 * Math.cos((Math.PI * step) / steps));
  }
  return (step) => {
    if (step < warmup) return (peak * step) / warmup;
    return schedule === 'constant' ? peak : (peak * (steps - step)) / Math.max(1, steps - warmup);
  };
}
