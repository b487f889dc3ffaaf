import {
  compile,
  type Executable,
  gradients,
  type NamedTensors,
  type Recomputation,
  type Signature,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { batchSignature } from '../data/batch-inputs.ts';
import { checkOptionNames, compileNames } from '../option-names.ts';
import { traceForward } from '../step/forward.ts';
import { shareInput, traceLoss, weightInput } from '../step/loss.ts';
import {
  firstDraw,
  gradientOutput,
  gradientViews,
  lossInputs,
  penaltyOutput,
  readLossTerms,
  type StepSettings,
  stepSettings,
  trainableTypes,
  trainableValues,
} from '../step/step-settings.ts';
import type { TrainStep, TrainStepOptions } from '../step/train-step.ts';

/**
 * Compiles the training step of a model: traced once, differentiated once, one session.
 *
 * @throws TrainOptionError when two regularizers have one name; GradientError when a trained tensor would get no gradient.
 */
export async function compileTrainStep(options: TrainStepOptions): Promise<TrainStep> {
  checkOptionNames('compileTrainStep', options, compileNames);
  const settings = stepSettings(options);
  const { trainable, model } = settings;
  const executable: Executable = await compile(
    (inputs) => traceTrainStep(settings, inputs, options.recompute),
    trainStepSignature(settings),
    { ...model.runtime, ...options.runtime },
  );
  const flat = new Float32Array(trainable.parameters.length);
  const into = gradientViews(trainable, flat);
  return {
    trainable,
    gradients: flat,
    async run(batch, weights = {}, share = 1, draw = firstDraw) {
      const inputs = {
        ...lossInputs(settings, batch, weights, share),
        ...trainableValues(settings, batch, draw),
      };
      return readLossTerms(settings, await executable.run(inputs, { into }), weights);
    },
    release: () => executable.release(),
  };
}

/** The inputs of the whole step. */
export function trainStepSignature(settings: StepSettings): Signature {
  const { penalties, tags, pieces, packed } = settings;
  return {
    ...batchSignature(pieces.count, tags, packed),
    [shareInput]: tensorType('float32', []),
    ...Object.fromEntries(penalties.map((name) => [weightInput(name), tensorType('float32', [])])),
    ...trainableTypes(settings),
  };
}

/** Traces the whole step: loss terms, and the gradient of every trained tensor. */
export function traceTrainStep(
  { model, trainable, regularizers, pieces, attentionBlocks, packed }: StepSettings,
  inputs: NamedTensors,
  recompute: Recomputation = 'unkept',
): Record<string, Tensor> {
  const names = Object.keys(trainable.tensors);
  const forward = {
    model,
    trained: (piece: number) => trainable.forward(inputs, piece),
    parameters: names.map((name) => inputs[name]!),
    regularizers,
    recompute,
    pieces: pieces.count,
    attentionBlocks,
    packed,
  };
  const { objective, crossEntropy, penalties } = traceLoss(forward, traceForward(forward, inputs), inputs);
  const found = gradients(objective, forward.parameters);
  return {
    crossEntropy,
    ...Object.fromEntries(Object.entries(penalties).map(([name, value]) => [penaltyOutput(name), value])),
    ...Object.fromEntries(names.map((name, index) => [gradientOutput(name), found[index]!])),
  };
}
