import { type Batch, skip } from '@safetune/datasets';
import { learningRateSchedule } from '@safetune/optimizers';
import { type AnchorBatches, openAnchors } from '../data/anchor-batches.ts';
import { type BatchStreamOptions, countSteps, trainingBatches } from '../data/batches.ts';
import { choosePacking, type PackingChoice } from '../data/choose-packing.ts';
import type { MemoryPlan } from '../plan/plan.ts';
import { compilePlannedStep, planTraining } from '../plan/planned-step.ts';
import { type FrozenParts, openFrozenParts } from '../step/frozen-parts.ts';
import type { TrainStep, TrainStepOptions } from '../step/train-step.ts';
import { requirePositiveInteger } from './check-options.ts';
import { ofTrainOption } from './optimizer-options.ts';
import type { TrainOptions } from './train-options.ts';

/** What is decided, opened and compiled of a run before anything of it is restored. */
export interface RunLayout {
  readonly steps: number;
  readonly seed: number;
  /** Of a step from 0. */
  learningRate(step: number): number;
  /** Batches from an optimizer step (from 0) on. */
  batchesFrom(step: number): AsyncIterator<Batch>;
  /** How examples become batches. */
  readonly stream: BatchStreamOptions;
  /** By name of the regularizer; only those that have some. */
  readonly anchors: ReadonlyMap<string, AnchorBatches>;
  readonly frozenParts: FrozenParts;
  /** What the step is compiled of. */
  readonly stepOptions: Omit<TrainStepOptions, 'recompute'>;
  readonly step: TrainStep;
  /** Undefined when a compiled step was handed in; so the next. */
  readonly packing: PackingChoice | undefined;
  readonly planned: MemoryPlan | undefined;
}

/**
 * Lays a run out: counts its steps, opens what regularizers bring, plans its memory and compiles its step, which whoever asked for it
 * releases.
 *
 * @throws TrainOptionError, InsufficientMemoryError; the errors of data and of tracing, and of opening what regularizers bring.
 */
export async function layOutRun(options: TrainOptions): Promise<RunLayout> {
  const { epochs = 1, seed = 0, gradientAccumulation = 1, step: given } = options;
  // The examples are walked to count, to plan and to train, every epoch anew: they become tokens once.
  const tokenize = {
    cache: new WeakMap(),
    ...options.tokenize,
    vocabularySize: options.model.config.vocabularySize,
  };
  const { epochs: _epochs, ...endless } = { ...options, seed, tokenize };
  const steps = options.steps ?? (await countSteps({ ...endless, epochs }, gradientAccumulation));
  requirePositiveInteger('steps', steps);
  const rateOf = ofTrainOption(() => learningRateSchedule(options.learningRate ?? {}, steps));
  const packing = given === undefined ? await choosePacking(endless, options.packing ?? 'auto') : undefined;
  const frozenParts = await openFrozenParts(options);
  const stepOptions = { ...endless, frozenParts, packing: packing?.packed ?? false };
  const anchors = await openAnchors(stepOptions, gradientAccumulation);
  const planned = given === undefined ? await planTraining(stepOptions, [...anchors.values()]) : undefined;
  return {
    steps,
    seed,
    learningRate: (step) => ofTrainOption(() => rateOf(step)),
    batchesFrom(step) {
      const stream = trainingBatches(options.steps === undefined ? { ...endless, epochs } : endless);
      return skip(stream, step * gradientAccumulation);
    },
    stream: endless,
    anchors,
    frozenParts,
    stepOptions,
    step: given ?? (await compilePlannedStep(stepOptions, planned!.chosen)),
    packing,
    planned,
  };
}
