import { setImmediate } from 'node:timers/promises';
import { type Batch, type ChatExample, collect } from '@safetune/datasets';
import { supervisedTokens, taskCount } from '../data/batch-inputs.ts';
import { type BatchStreamOptions, trainingBatches } from '../data/batches.ts';
import { NonFiniteLossError, TrainOptionError } from '../errors.ts';
import type { TrainStep } from '../step/train-step.ts';
import type { RunEnd, StepObserver } from './step-observer.ts';

/** How a run is measured on examples that it is not trained on. */
export interface EvaluationOptions {
  /** The examples held out; they become tokens as the training examples do, and no regularizer changes them. */
  readonly examples: readonly ChatExample[];
  /** Steps between two evaluations; there is one after the last step as well. Default 50. */
  readonly everySteps?: number;
  /**
   * Ends the run when this many evaluations in a row brought no loss that is smaller than the smallest so far by more than
   * `minimumDelta`, as transformers' `EarlyStoppingCallback` does. Default: never.
   */
  readonly patience?: number;
  /** What counts as an improvement, in nats. Default 0. */
  readonly minimumDelta?: number;
  /**
   * Whether the result are the values of the evaluation with the smallest loss, when the run ends with its last step or for
   * want of patience. Default false: the last values.
   */
  readonly restoreBest?: boolean;
}

/** A measurement on the examples held out. */
export interface EvaluationEvent {
  readonly type: 'evaluation';
  /** Steps done. */
  readonly step: number;
  /** Mean cross-entropy over all targets by their weights, nats; of pairs the mean of their objective. */
  readonly loss: number;
  /** Targets of the examples. */
  readonly targets: number;
  /** Whether it is the smallest loss so far. */
  readonly isBest: boolean;
  /** There when the run ends because of it. */
  readonly ended?: RunEnd;
}

/** An evaluation that was made. */
export interface Evaluation {
  /** Steps done. */
  readonly step: number;
  readonly loss: number;
}

/** What evaluations have found so far. */
export interface EvaluationRecord {
  /** The one with the smallest loss; null before the first. */
  readonly best: Evaluation | null;
  /** Evaluations in a row without an improvement. */
  readonly waited: number;
}

export const noEvaluation: EvaluationRecord = { best: null, waited: 0 };

/** The run that is evaluated. */
export interface EvaluatedRun extends Pick<BatchStreamOptions, 'tokenizer' | 'batchSize' | 'tokenize'> {
  readonly step: TrainStep;
  readonly onEvent: (event: EvaluationEvent) => void;
}

/** {@link StepObserver} that evaluates, and what it has found. */
export interface EvaluationObserver extends StepObserver {
  best(): Evaluation | null;
}

interface Facts extends EvaluationRecord {
  readonly end: RunEnd | null;
}

/**
 * Turns the held-out examples into batches, and evaluates the run at its steps. The best values, the patience and the end are
 * its state.
 *
 * @throws the errors of data, such as that of no examples.
 */
export async function openEvaluation(
  { step, onEvent, tokenizer, batchSize, tokenize }: EvaluatedRun,
  options: EvaluationOptions,
): Promise<EvaluationObserver> {
  const { examples, everySteps = 50, patience = Number.POSITIVE_INFINITY, minimumDelta } = options;
  // Sorted by length: no order means anything here.
  const bucketWindow = Math.max(1, examples.length);
  const batches: Batch[] = await collect(
    trainingBatches({
      tokenizer,
      examples,
      bucketWindow,
      epochs: 1,
      seed: 0,
      ...(batchSize === undefined ? {} : { batchSize }),
      ...(tokenize === undefined ? {} : { tokenize }),
    }),
  );
  const targets = batches.reduce((sum, batch) => sum + supervisedTokens(batch), 0);
  const { parameters } = step.trainable;
  const kept = options.restoreBest ? new Float32Array(parameters.length) : undefined;
  let facts: Facts = { ...noEvaluation, end: null };
  let steps = 0;
  return {
    name: 'evaluation',
    best: () => facts.best,
    isDue(at, last) {
      steps = last;
      return at > 0 && (at % everySteps === 0 || at === last);
    },
    async observe(at) {
      const loss = await measure(step, batches, at);
      const record = recordEvaluation(facts, { step: at, loss }, minimumDelta);
      const isBest = record.best?.step === at;
      if (isBest) kept?.set(parameters);
      const isOver = record.waited >= patience && at < steps;
      if (kept !== undefined && (isOver || at === steps)) parameters.set(kept);
      const end: RunEnd | null = isOver
        ? {
            by: 'evaluation',
            step: at,
            resultOfStep: kept === undefined ? at : record.best!.step,
            reason: `no loss on the held-out examples was better than that after step ${record.best!.step}`,
          }
        : null;
      facts = { ...record, end };
      onEvent({
        type: 'evaluation',
        step: at,
        loss,
        targets,
        isBest,
        ...(end === null ? {} : { ended: end }),
      });
      return end ?? undefined;
    },
    state: () => ({ facts, tensors: kept === undefined ? {} : { best: kept } }),
    restore(state) {
      facts = state.facts as Facts;
      kept?.set(state.tensors.best!);
      return facts.end ?? undefined;
    },
    release: async () => undefined,
  };
}

async function measure(step: TrainStep, batches: readonly Batch[], at: number): Promise<number> {
  let [sum, total] = [0, 0];
  for (const batch of batches) {
    // A run blocks the thread: let timers and signals have their turn.
    await setImmediate();
    const weight = taskCount(batch);
    sum += weight === 0 ? 0 : weight * (await step.evaluate(batch));
    total += weight;
  }
  const loss = sum / total;
  if (!Number.isFinite(loss)) throw new NonFiniteLossError(at, { evaluation: loss });
  return loss;
}

/** The record after one more evaluation. */
export function recordEvaluation(
  { best, waited }: EvaluationRecord,
  found: Evaluation,
  minimumDelta = 0,
): EvaluationRecord {
  const improves = best === null || best.loss - found.loss > minimumDelta;
  return { best: best === null || found.loss < best.loss ? found : best, waited: improves ? 0 : waited + 1 };
}

/** @throws TrainOptionError for an option out of range. */
export function checkEvaluation({ everySteps = 50, patience, minimumDelta }: EvaluationOptions): void {
  for (const [name, value] of [
    ['everySteps', everySteps],
    ['patience', patience ?? 1],
  ] as const) {
    if (!Number.isInteger(value) || value < 1)
      throw new TrainOptionError(`evaluation.${name}`, `${value} must be a positive integer`);
  }
  if (minimumDelta === undefined) return;
  if (!(Number.isFinite(minimumDelta) && minimumDelta >= 0))
    throw new TrainOptionError('evaluation.minimumDelta', `${minimumDelta} must be a number of at least 0`);
  if (patience === undefined)
    throw new TrainOptionError('evaluation.minimumDelta', 'is for patience, which is not given');
}
