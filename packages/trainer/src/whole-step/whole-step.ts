import {
  compile,
  type Executable,
  gradients,
  type NamedTensors,
  type Recomputation,
  type Signature,
  type Tensor,
} from '@safetune/tensor';
import { batchSignature } from '../data/batch-inputs.ts';
import { pairSignature } from '../data/pair-inputs.ts';
import { checkOptionNames, compileNames } from '../option-names.ts';
import { type ForwardSettings, traceForward } from '../step/forward.ts';
import { withOpenedParts } from '../step/frozen-parts.ts';
import { traceLoss } from '../step/loss.ts';
import { tracedReferences } from '../step/references.ts';
import {
  firstDraw,
  lossInputs,
  termWeightTypes,
  trainableTypes,
  trainableValues,
} from '../step/step-inputs.ts';
import { gradientOutput, gradientViews, lossOutputs, readLossTerms } from '../step/step-outputs.ts';
import {
  hasAnchors,
  type StepSettings,
  settingsOfRun,
  stepSettings,
  withoutRegularizers,
} from '../step/step-settings.ts';
import type { TrainStep, TrainStepOptions } from '../step/train-step.ts';

/**
 * Compiles the training step of a model: traced once, differentiated once, one session. With anchors there are two: what is minimised on
 * these is not computed of the batches of the task, and the other way round.
 *
 * @throws TrainOptionError when two regularizers have one name; GradientError when a trained tensor would get no gradient; what
 * opening adapters that a regularizer brings along throws.
 */
export async function compileTrainStep(options: TrainStepOptions): Promise<TrainStep> {
  checkOptionNames('compileTrainStep', options, compileNames);
  const settings = stepSettings(await withOpenedParts(options));
  const { trainable } = options;
  const { model } = settings;
  const compileRun = async (isAnchor: boolean) => {
    const ofRun = settingsOfRun(settings, isAnchor);
    const executable: Executable = await compile(
      (inputs) => traceTrainStep(ofRun, inputs, options.recompute),
      trainStepSignature(ofRun),
      { ...model.runtime, ...options.runtime },
    );
    return { settings: ofRun, executable };
  };
  const ofTask = await compileRun(false);
  const ofAnchors = hasAnchors(settings.regularizers)
    ? await compileRun(true).catch(async (error: unknown) => {
        await ofTask.executable.release();
        throw error;
      })
    : ofTask;
  const flat = new Float32Array(trainable.parameters.length);
  const into = gradientViews(trainable, flat);
  const plain = withoutRegularizers(settings);
  let evaluation: Promise<Executable> | undefined;
  const compileEvaluation = () =>
    compile((inputs) => traceEvaluation(plain, inputs), trainStepSignature(plain), {
      ...model.runtime,
      ...options.runtime,
      // Rearranged copies of the weights are not worth their memory twice.
      prepackWeights: false,
    });
  return {
    trainable,
    gradients: flat,
    async run(batch, weights = {}, how = {}) {
      const { settings, executable } = how.isAnchor ? ofAnchors : ofTask;
      const inputs = {
        ...lossInputs(settings, batch, weights, how),
        ...trainableValues(settings, batch, how.draw ?? firstDraw),
      };
      return readLossTerms(settings, await executable.run(inputs, { into }), weights, how);
    },
    async evaluate(batch) {
      evaluation ??= compileEvaluation();
      const inputs = { ...lossInputs(plain, batch), ...trainableValues(plain, batch, undefined) };
      return readLossTerms(plain, await (await evaluation).run(inputs)).loss;
    },
    async release() {
      await (await evaluation)?.release();
      await ofTask.executable.release();
      if (ofAnchors !== ofTask) await ofAnchors.executable.release();
    },
  };
}

/** The inputs of the whole step. */
export function trainStepSignature(settings: StepSettings): Signature {
  const { tags, pieces, packed, objective } = settings;
  return {
    ...batchSignature(pieces.count, tags, packed),
    ...(objective && pairSignature),
    ...termWeightTypes(settings),
    ...trainableTypes(settings),
  };
}

/** Traces the forward pass alone, and its cross-entropy. */
export function traceEvaluation(settings: StepSettings, inputs: NamedTensors): Record<string, Tensor> {
  const forward = forwardSettings(settings, inputs, 'none');
  return lossOutputs(traceLoss(forward, traceForward(forward, inputs), inputs));
}

/** Traces the whole step: loss terms, and the gradient of every trained tensor. */
export function traceTrainStep(
  settings: StepSettings,
  inputs: NamedTensors,
  recompute: Recomputation = 'unkept',
): Record<string, Tensor> {
  const names = Object.keys(settings.trainable.tensors);
  const forward = forwardSettings(settings, inputs, recompute);
  const loss = traceLoss(forward, traceForward(forward, inputs), inputs);
  const found = gradients(loss.objective, forward.parameters);
  return {
    ...lossOutputs(loss),
    ...Object.fromEntries(names.map((name, index) => [gradientOutput(name), found[index]!])),
  };
}

function forwardSettings(
  settings: StepSettings,
  inputs: NamedTensors,
  recompute: Recomputation,
): ForwardSettings {
  const { model, trainable, regularizers, pieces, attentionBlocks, packed, objective } = settings;
  return {
    model,
    trained: (piece: number) => trainable.forward(inputs, piece),
    parameters: Object.keys(trainable.tensors).map((name) => inputs[name]!),
    regularizers,
    recompute,
    pieces: pieces.count,
    attentionBlocks,
    packed,
    objective,
    references: tracedReferences(settings.references, inputs),
  };
}
