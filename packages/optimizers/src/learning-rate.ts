import { OptimizerOptionError } from './errors.ts';

const schedules = ['linear', 'cosine', 'constant', 'wsd'] as const;

/** The rate of a step (counted from 0) of `steps`, as a share of the peak, warm-up included. */
export type ScheduleFunction = (step: number, steps: number) => number;

export interface LearningRateOptions {
  /** The highest rate. Default 1e-4 (the paper's). */
  readonly peak?: number;
  /**
   * After the warm-up: 'linear' (the paper's) and 'cosine' fall to 0, 'constant' stays, and 'wsd' (warm-up, stable, decay: Hu et
   * al. 2024) stays and falls to 0 on a cosine over the last steps; or a function of your own, which has no warm-up but its own.
   * The rates are those of transformers' schedules of these names. Default 'linear'.
   */
  readonly schedule?: (typeof schedules)[number] | ScheduleFunction;
  /**
   * Steps over which the rate rises; fewer than the run has. Default 5 (the paper's), or half the steps of a run of fewer
   * than 10.
   */
  readonly warmupSteps?: number;
  /** The same as a share of all steps, from 0 to less than 1, rounded up; instead of `warmupSteps`. */
  readonly warmupShare?: number;
  /** Share of all steps over which 'wsd' falls, rounded up. Default 0.2. */
  readonly decayShare?: number;
  /**
   * Whether the warm-up starts from a rate of 0, as transformers' schedules do: the first step then changes nothing. Set it
   * to get the very rates of transformers and peft. Default false: the first step counts already.
   */
  readonly startAtZero?: boolean;
}

/**
 * The learning rate of each step (counted from 0) of `steps`. With w warm-up steps it rises as (step + 1) / (w + 1) and reaches
 * the peak at step w: transformers' schedule of one step more, without its first rate, which is 0. With `startAtZero` it rises
 * as step / w.
 *
 * @throws OptimizerOptionError for a rate or a share out of range, for a warm-up as long as the run, for one that leaves no room for
 * the decay, and for an option that the schedule does not have.
 */
export function learningRateSchedule(options: LearningRateOptions, steps: number): (step: number) => number {
  const { peak = 1e-4, schedule = 'linear', startAtZero = false } = options;
  if (!(Number.isFinite(peak) && peak >= 0))
    throw new OptimizerOptionError('learningRate', `${peak} must be >= 0`);
  if (typeof schedule === 'function') {
    refuseWith(options, 'a schedule of your own', [
      'warmupSteps',
      'warmupShare',
      'decayShare',
      'startAtZero',
    ]);
    return (step) => peak * checkedShare(schedule(step, steps), step);
  }
  if (!schedules.includes(schedule))
    throw new OptimizerOptionError('schedule', `'${schedule}' is none of ${schedules.join(', ')}`);
  if (schedule !== 'wsd') refuseWith(options, `'${schedule}'`, ['decayShare']);
  const warmup = warmupSteps(options, steps);
  const stable = schedule === 'wsd' ? stableSteps(options, steps, warmup) : 0;
  const fall = {
    linear: (progress: number) => 1 - progress,
    cosine: halfCosine,
    constant: () => 1,
    wsd: halfCosine,
  }[schedule];
  const shift = startAtZero ? 0 : 1;
  return (step) => {
    if (step < warmup) return (peak * (step + shift)) / (warmup + shift);
    const since = Math.max(0, step - warmup - stable);
    return peak * fall(since / Math.max(1, steps - warmup - stable));
  };
}

function halfCosine(progress: number): number {
  return (1 + Math.cos(Math.PI * progress)) / 2;
}

function checkedShare(share: number, step: number): number {
  if (Number.isFinite(share) && share >= 0) return share;
  throw new OptimizerOptionError(
    'schedule',
    `gives ${share} for step ${step}; it must be a finite number of at least 0`,
  );
}

function warmupSteps({ warmupSteps: given, warmupShare }: LearningRateOptions, steps: number): number {
  if (warmupShare !== undefined) {
    if (given !== undefined)
      throw new OptimizerOptionError('warmupShare', 'is given together with warmupSteps; give one of them');
    requireShare('warmupShare', warmupShare, warmupShare >= 0 && warmupShare < 1, '0 <= share < 1');
  }
  const warmup =
    given ??
    (warmupShare === undefined ? Math.min(5, Math.floor(steps / 2)) : Math.ceil(warmupShare * steps));
  if (!(Number.isInteger(warmup) && warmup >= 0))
    throw new OptimizerOptionError('warmupSteps', `${warmup} must be an integer >= 0`);
  if (warmup < steps) return warmup;
  throw new OptimizerOptionError(
    warmupShare === undefined ? 'warmupSteps' : 'warmupShare',
    `${warmup} steps of warm-up in a run of ${steps} would never reach the learning rate; give fewer than ${steps}`,
  );
}

/** Steps between the warm-up and the decay. */
function stableSteps({ decayShare = 0.2 }: LearningRateOptions, steps: number, warmup: number): number {
  requireShare('decayShare', decayShare, decayShare > 0 && decayShare <= 1, '0 < share <= 1');
  const stable = steps - warmup - Math.ceil(decayShare * steps);
  if (stable >= 0) return stable;
  throw new OptimizerOptionError(
    'decayShare',
    `${warmup} steps of warm-up and ${Math.ceil(decayShare * steps)} of decay are more than the run's ${steps}`,
  );
}

function requireShare(option: string, share: number, isInside: boolean, range: string): void {
  if (!isInside) throw new OptimizerOptionError(option, `${share} must be a share of the steps, ${range}`);
}

function refuseWith(
  options: LearningRateOptions,
  schedule: string,
  names: readonly (keyof LearningRateOptions)[],
): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given !== undefined)
    throw new OptimizerOptionError(given, `has no meaning with ${schedule} as schedule; leave it out`);
}
