import type { Batch } from '@safetune/datasets';
import { supervisedTokens } from '../data/batch-inputs.ts';
import type { PackingChoice } from '../data/choose-packing.ts';
import type { MemoryMode } from '../memory/memory-mode.ts';
import type { MemoryPlan } from '../plan/plan.ts';
import type { SentinelEvent } from '../sentinel/sentinel-event.ts';
import type { LossTerms } from '../step/train-step.ts';
import type { EvaluationEvent } from './evaluation.ts';

/** One optimizer step, done. */
export interface StepEvent extends LossTerms {
  readonly type: 'step';
  /** Counted from 1. */
  readonly step: number;
  readonly steps: number;
  readonly learningRate: number;
  /** Weights that follow their penalties, by name; missing where none does. */
  readonly weights?: Readonly<Record<string, number>>;
  /** l2 norm of the gradient before clipping. */
  readonly gradientNorm: number;
  /** Tokens of the step's batches, padding not counted. */
  readonly tokens: number;
  /** Tokens that the loss was averaged over. */
  readonly supervisedTokens: number;
  readonly tokensPerSecond: number;
  /** Estimate for the rest of the run, in seconds. */
  readonly secondsLeft: number;
}

/** What a run tells while it goes. */
export type TrainEvent =
  /**
   * `done` steps were restored from a checkpoint; 0 for a fresh run. `parameters` values are trained. `memory` says how
   * steps are run, `plan` what that will need of the bytes there are, and `packing` whether examples are packed; all undefined
   * when a compiled step was handed in.
   */
  | {
      readonly type: 'start';
      readonly steps: number;
      readonly done: number;
      readonly parameters: number;
      readonly memory: MemoryMode | undefined;
      readonly plan: Pick<MemoryPlan, 'chosen' | 'available'> | undefined;
      readonly packing: PackingChoice | undefined;
    }
  | StepEvent
  | SentinelEvent
  | EvaluationEvent
  | { readonly type: 'checkpoint'; readonly step: number; readonly file: string };

/** Measures steps: rate of the last one, and the time left from the average since the first, with what is done in between. */
export class StepClock {
  readonly #steps: number;
  #counted = 0;
  #began: number | undefined;
  #started = performance.now();

  constructor(steps: number) {
    this.#steps = steps;
  }

  start(): void {
    this.#started = performance.now();
    this.#began ??= this.#started;
  }

  /** Ends step `step` of `tokens` tokens. */
  stop(step: number, tokens: number): { tokensPerSecond: number; secondsLeft: number } {
    const now = performance.now();
    const elapsed = (now - (this.#began ?? this.#started)) / 1000;
    this.#counted += 1;
    return {
      tokensPerSecond: (1000 * tokens) / (now - this.#started),
      secondsLeft: (elapsed / this.#counted) * (this.#steps - step),
    };
  }
}

/** What is told of a step of these batches. */
export function stepEvent(
  step: number,
  steps: number,
  terms: LossTerms,
  learningRate: number,
  gradientNorm: number,
  batches: readonly Batch[],
  clock: StepClock,
): StepEvent {
  const tokens = batches.reduce((sum, batch) => sum + batch.lengths.reduce((a, b) => a + b, 0), 0);
  const supervised = batches.reduce((sum, batch) => sum + supervisedTokens(batch), 0);
  return {
    type: 'step',
    step,
    steps,
    ...terms,
    learningRate,
    gradientNorm,
    tokens,
    supervisedTokens: supervised,
    ...clock.stop(step, tokens),
  };
}
