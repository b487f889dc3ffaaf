import { describePrecision, measurePrecisions, type PrecisionTimes } from '@safetune/models';
import { InsufficientMemoryError, TrainOptionError } from '../errors.ts';
import { availableMemory } from '../memory/available-memory.ts';
import { type MemoryMode, memoryModes } from '../memory/memory-mode.ts';
import { checkRunOptionNames, planNames } from '../option-names.ts';
import { type EstimateOptions, estimateMode, type MemoryEstimate } from './plan-estimate.ts';

export interface PlanOptions extends EstimateOptions {
  /** The mode to run in; 'auto' (default) is the fastest that fits. */
  readonly memory?: MemoryMode | 'auto';
  /**
   * Bytes that the process may have in all. Default: what it has now and nine tenths of what the system (or the
   * container's limit) has left.
   */
  readonly memoryLimit?: number;
}

/** What a run will need, and how it will be run. */
export interface MemoryPlan {
  /** The chosen mode's estimate. */
  readonly chosen: MemoryEstimate;
  /** Estimates of all modes, the fastest first. */
  readonly estimates: readonly MemoryEstimate[];
  /** Bytes that there are for it. */
  readonly available: number;
}

/** What {@link plan} says. */
export interface Plan extends MemoryPlan {
  /**
   * Measures in about half a second how fast each precision multiplies on this machine, as multiples of float32's time, and
   * says in words what the model's precision costs and gives.
   */
  comparePrecisions(): Promise<PrecisionComparison>;
}

export interface PrecisionComparison {
  readonly times: PrecisionTimes;
  /** Such as 'int8x3 products take 1.35 x the time of float32 ones on this machine [...]: float32 is exact and no slower'. */
  readonly advice: string;
}

/**
 * Says before a run what it will need in each mode, and picks the fastest that fits. Traces the step, which takes
 * tenths of a second for a model of 24 blocks; compiles nothing and reads no weights. What the process has and what is planned were
 * together within 10 % of its resident memory in nearly all runs that were measured on Linux: docs/performance.md has them.
 *
 * @example
 * const { chosen } = plan({ model, trainable, batch: { size: 4, length: 1024 } });
 * console.log(chosen.mode, chosen.total / 1e9, 'GB');
 *
 * @example
 * const { advice } = await plan({ model, trainable, batch: { size: 4, length: 1024 } }).comparePrecisions();
 *
 * @throws InsufficientMemoryError when the mode that was asked for does not fit, or none does; TrainOptionError for a
 * limit or a batch without meaning; what tracing throws.
 */
export function plan(options: PlanOptions): Plan {
  checkRunOptionNames('plan', options, planNames);
  checkPlan(options);
  const { model, runtime } = options;
  const available = availableMemory(options.memoryLimit);
  return {
    ...choose(
      memoryModes.map((mode) => estimateMode(mode, options)),
      options,
      available,
    ),
    async comparePrecisions() {
      const times = await measurePrecisions(runtime);
      return { times, advice: describePrecision(model.precision, times) };
    },
  };
}

/**
 * {@link plan} that stops at the first mode that fits, the one asked for before others: further estimates are left out.
 *
 * @param penaltySessions as of `estimateMode`
 */
export function planFastest(options: PlanOptions, penaltySessions = 0): MemoryPlan {
  checkPlan(options);
  const { memory = 'auto', memoryLimit } = options;
  const available = availableMemory(memoryLimit);
  const estimates: MemoryEstimate[] = [];
  // What fits in the place of a mode that does not is for the error to tell.
  const others = memoryModes.filter((mode) => mode !== memory);
  for (const mode of memory === 'auto' ? memoryModes : [memory, ...others]) {
    const estimate = estimateMode(mode, options, penaltySessions);
    estimates.push(estimate);
    if (estimate.total <= available) break;
  }
  return choose(estimates, options, available);
}

/** The plan of a run as a whole; undefined when that does not fit. @throws what {@link plan} throws for options. */
export function planWhole(options: Omit<PlanOptions, 'memory'>, penaltySessions = 0): MemoryPlan | undefined {
  checkPlan(options);
  const available = availableMemory(options.memoryLimit);
  const chosen = estimateMode('whole', options, penaltySessions);
  return chosen.total <= available ? { chosen, estimates: [chosen], available } : undefined;
}

function choose(estimates: readonly MemoryEstimate[], options: PlanOptions, available: number): MemoryPlan {
  const { memory = 'auto', model, trainable } = options;
  const candidates = estimates.filter(({ mode }) => memory === 'auto' || mode === memory);
  const chosen = candidates.find(({ total }) => total <= available);
  if (chosen === undefined) {
    throw InsufficientMemoryError.ofModes({
      available,
      estimates: candidates,
      others: estimates.filter((estimate) => !candidates.includes(estimate)),
      precision: model.precision,
      trainsAdapter: trainable.adapter !== undefined,
    });
  }
  return { chosen, estimates, available };
}

function checkPlan({ batch, memory = 'auto' }: PlanOptions): void {
  if (memory !== 'auto' && !memoryModes.includes(memory)) {
    throw new TrainOptionError('memory', `'${memory}' is none of auto, ${memoryModes.join(', ')}`);
  }
  for (const [name, value, least] of [
    ['size', batch.size, 1],
    ['length', batch.length, 1],
    ['rows', batch.rows ?? 0, 0],
  ] as const) {
    if (Number.isInteger(value) && value >= least) continue;
    throw new TrainOptionError(`batch.${name}`, `${value} must be an integer of at least ${least}`);
  }
}
