import { adamWStep, clipByNorm, createAdamWState, parameterGroups } from '@safetune/optimizers';
import {
  callAdapterHook,
  type PenaltyWeights,
  penaltyWeights,
  type Regularizer,
} from '@safetune/regularizers';
import { FileWriteError } from '@safetune/tensor';
import { takeStep } from '../data/batches.ts';
import { TrainOptionError } from '../errors.ts';
import { openSentinel } from '../sentinel/sentinel.ts';
import { withEmbeddingNoise } from '../step/embedding-noise.ts';
import { compilePenaltyCounts, type PenaltyCounts } from '../step/penalty-counts.ts';
import { stepSettings } from '../step/step-settings.ts';
import type { LossTerms } from '../step/train-step.ts';
import type { Trainable } from '../step/trainable.ts';
import { penalisesParameters } from '../step/trained-parameters.ts';
import { checkTrainOptions } from './check-options.ts';
import { openEvaluation } from './evaluation.ts';
import { fingerprint } from './fingerprint.ts';
import { nonFiniteStep } from './non-finite.ts';
import { ofTrainOption } from './optimizer-options.ts';
import { openParameterPenalties, type ParameterPenalties } from './parameter-penalties.ts';
import { StepClock, type StepEvent, stepEvent, type TrainEvent } from './progress.ts';
import { regularizerStates, weightsState } from './regularizer-states.ts';
import { createRunControl } from './run-control.ts';
import { layOutRun } from './run-layout.ts';
import { stepGradient } from './step-gradient.ts';
import { observe, type StepObserver } from './step-observer.ts';
import type { TrainOptions, TrainResult } from './train-options.ts';
import {
  removeTrainingState,
  requireFiniteState,
  restoreTrainingState,
  saveTrainingState,
  type TrainingState,
} from './training-state.ts';

/**
 * Trains: data to batches, batches through the compiled step, gradients to AdamW, hooks at their moments. The
 * trainable's buffer holds the result.
 *
 * @throws NonFiniteLossError when the loss is NaN or infinite (the buffer keeps the values from before that step);
 * NonFiniteStateError when a step leaves such values; TrainingCheckpointError for a checkpoint that is damaged or of another
 * run; before the first step AdapterMismatchError when the model lacks a module of the adapter, InsufficientMemoryError, and
 * what a regularizer's `beforeTraining` throws; TrainOptionError, and the errors of data and of tracing.
 */
export async function train(given: TrainOptions): Promise<TrainResult> {
  checkTrainOptions(given);
  const options = { ...given, trainable: withNoise(given) };
  const { trainable, regularizers = [], gradientAccumulation = 1, checkpoint, signal } = options;
  const { control, observer: callback } = createRunControl();
  const onEvent = (event: TrainEvent) => options.onEvent?.(event, control);
  const { optimizer: settings = {}, learningRate: { peak = 1e-4 } = {} } = options;
  const groups = ofTrainOption(() => parameterGroups(trainable, settings, peak));
  const layout = await layOutRun(options);
  const { steps, step, anchors, learningRate } = layout;
  let penaltyCounts: PenaltyCounts | undefined;
  let parameterPenalties: ParameterPenalties | undefined;
  const observers: StepObserver[] = [];
  try {
    if (gradientAccumulation > 1 || [...anchors.values()].some(({ count }) => count > 1)) {
      penaltyCounts = await compilePenaltyCounts(stepSettings(layout.stepOptions), options.runtime);
    }
    if (options.sentinel !== undefined)
      observers.push(await openSentinel({ ...options, onEvent }, options.sentinel));
    const evaluation =
      options.evaluation &&
      (await openEvaluation({ ...options, ...layout.stream, step, onEvent }, options.evaluation));
    observers.push(...(evaluation === undefined ? [] : [evaluation]), callback);
    const weights = penaltyWeights(regularizers.filter(hasPenalty));
    const states = regularizerStates(regularizers);
    const optimizer = createAdamWState(trainable.parameters.length);
    const state: TrainingState = {
      parameters: trainable.parameters,
      optimizer,
      ...(penalisesParameters(regularizers) && { start: trainable.parameters.slice() }),
      fingerprint: checkpoint === undefined ? {} : await fingerprint(options, steps, layout.frozenParts),
      parts: [...observers, states, weightsState(weights)],
    };
    checkpoint?.onFingerprint?.(state.fingerprint);
    const restored =
      checkpoint === undefined ? undefined : await restoreTrainingState(checkpoint.file, state);
    let ended = restored?.ended;
    const start = optimizer.step;
    for (const regularizer of regularizers)
      await callAdapterHook(regularizer, 'beforeTraining', trainable.adapter!);
    states.takeUp();
    if (state.start !== undefined) parameterPenalties = await openParameterPenalties(options, state.start);
    onEvent({
      type: 'start',
      steps,
      done: optimizer.step,
      parameters: trainable.parameters.length,
      memory: layout.planned?.chosen.mode,
      plan: layout.planned && { chosen: layout.planned.chosen, available: layout.planned.available },
      packing: layout.packing,
    });
    const batches = layout.batchesFrom(start);
    const clock = new StepClock(steps);
    const { seed } = layout;
    const sources = { step, regularizers, anchors, penaltyCounts, parameterPenalties, seed };
    let last: LossTerms | undefined;

    if (restored === undefined) ended = await observe(observers, 0, steps);
    // The run may have been killed between saving its state and this.
    if (start > 0 && start < steps && ended === undefined && start % checkpoint!.everySteps === 0)
      await checkpoint!.saveProgress?.(start);
    for (let index = start; index < steps && ended === undefined; index++) {
      await stopIfAborted(signal, checkpoint?.file, state);
      clock.start();
      const taken = await takeStep(batches, gradientAccumulation);
      if (taken === undefined) {
        throw new TrainOptionError('steps', `the examples ended after ${index} of ${steps} steps`);
      }
      const present = weights.at(steps === 1 ? 1 : index / (steps - 1));
      const { terms, gradients } = await stepGradient(sources, taken, index, present);
      weights.follow(terms.penalties);
      const gradientNorm = clipByNorm(gradients, options.maxGradientNorm ?? 1);
      if (!Number.isFinite(terms.loss) || !Number.isFinite(gradientNorm))
        throw await nonFiniteStep(index + 1, terms, index === start ? options : undefined);
      adamWStep(trainable.parameters, gradients, optimizer, learningRate(index), options.optimizer, groups);
      for (const regularizer of regularizers)
        await callAdapterHook(regularizer, 'afterStep', trainable.adapter!, index + 1);
      last = terms;
      onEvent({
        ...stepEvent(index + 1, steps, terms, learningRate(index), gradientNorm, taken, clock),
        ...adaptedOf(weights, present),
      });
      ended = await observe(observers, index + 1, steps);
      const isLast = index + 1 === steps || ended !== undefined;
      if (checkpoint !== undefined && (index + 1) % checkpoint.everySteps === 0 && !isLast) {
        await saveTrainingState(checkpoint.file, state);
        await checkpoint.saveProgress?.(index + 1);
        onEvent({ type: 'checkpoint', step: index + 1, file: checkpoint.file });
      }
    }
    requireFiniteState(state);
    if (checkpoint !== undefined && last !== undefined) await saveLastState(checkpoint.file, state);
    for (const regularizer of regularizers)
      await callAdapterHook(regularizer, 'afterTraining', trainable.adapter!);
    requireFiniteState(state);
    if (checkpoint !== undefined) {
      await checkpoint.saveResult?.();
      await removeTrainingState(checkpoint.file);
    }
    const best = evaluation?.best() ?? undefined;
    return {
      steps: optimizer.step,
      last,
      ...(ended === undefined ? {} : { ended }),
      ...(best === undefined ? {} : { best }),
    };
  } finally {
    await penaltyCounts?.release();
    await parameterPenalties?.release();
    for (const observer of observers) await observer.release();
    if (options.step === undefined) await step.release();
  }
}

function withNoise({ trainable, model, neftuneNoiseAlpha }: TrainOptions): Trainable {
  if (neftuneNoiseAlpha === undefined) return trainable;
  return withEmbeddingNoise(trainable, neftuneNoiseAlpha, model.config.hiddenSize);
}

/** The weights that a step had of those that follow their penalties. */
function adaptedOf(
  { adapted }: PenaltyWeights,
  present: Readonly<Record<string, number>>,
): Pick<StepEvent, 'weights'> {
  const names = Object.keys(adapted);
  return names.length === 0
    ? {}
    : { weights: Object.fromEntries(names.map((name) => [name, present[name]!])) };
}

function hasPenalty({ penalty, penaltyPerRow, parameterPenalty }: Regularizer): boolean {
  return (penalty ?? penaltyPerRow ?? parameterPenalty) !== undefined;
}

/** A state that finds no room is no loss as long as the result, which is smaller, finds some: saving that comes next. */
async function saveLastState(file: string, state: TrainingState): Promise<void> {
  await saveTrainingState(file, state).catch((error: unknown) => {
    if (!FileWriteError.isInstance(error)) throw error;
  });
}

/** Lets the event loop breathe (the session blocks it), then stops when asked to. */
async function stopIfAborted(
  signal: AbortSignal | undefined,
  file: string | undefined,
  state: TrainingState,
): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (!signal?.aborted) return;
  if (file !== undefined && state.optimizer.step > 0) await saveTrainingState(file, state);
  throw signal.reason;
}
