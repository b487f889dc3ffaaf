import type { Batch } from '@safetune/datasets';
import type { CausalLm } from '@safetune/models';
import type { Regularizer } from '@safetune/regularizers';
import {
  compile,
  type Executable,
  gradients,
  type NamedTensors,
  type Recomputation,
  type RuntimeOptions,
  type Signature,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { batchSignature, type RowPieces } from '../data/batch-inputs.ts';
import { traceForward } from '../step/forward.ts';
import { shareInput, traceLoss, weightInput } from '../step/loss.ts';
import {
  gradientOutput,
  gradientViews,
  lossInputs,
  penaltyOutput,
  readLossTerms,
  type StepSettings,
  stepSettings,
} from '../step/step-settings.ts';
import type { Trainable } from '../step/trainable.ts';

export interface TrainStepOptions {
  readonly model: CausalLm;
  readonly trainable: Trainable;
  readonly regularizers?: readonly Regularizer[];
  /**
   * Which intermediate values of a block are computed again in the backward pass instead of living until then: `none`;
   * `unkept` (default): all but products and attention, which takes a few per cent more time and a third to a half of
   * the memory; `all`: a third more time, and memory that does not grow with the number of blocks.
   */
  readonly recompute?: Recomputation;
  /**
   * Pieces in which rows go through the output layer, so that the logits of one piece exist at a time. Default: 16 of
   * 128 rows (fewer would spend their time packing weights) for a vocabulary of 32,768 and more with a frozen head, else
   * all rows at once. A trained head takes pieces too, but adds up a gradient of its weight's size in each: `plan` says
   * how many are worth it.
   */
  readonly headPieces?: RowPieces;
  /**
   * Blocks of heads that attention is computed in, one after another and each again in the backward pass: the scores of
   * one exist at a time. One of the tensor package's `attentionBlockCounts`. Default 1, for sequences up to some 2,000.
   */
  readonly attentionBlocks?: number;
  readonly runtime?: RuntimeOptions;
}

/** Values of one forward pass, before weighting; penalties by regularizer name. */
export interface LossTerms {
  /** cross-entropy + sum of weight * penalty */
  readonly loss: number;
  /** Mean negative log-likelihood of the supervised tokens, nats. */
  readonly crossEntropy: number;
  readonly penalties: Readonly<Record<string, number>>;
}

/** Forward, loss, penalties and backward of one batch as ONE compiled graph; made by {@link compileTrainStep}. */
export interface TrainStep {
  /** What it was compiled for: its values are read anew at each run. */
  readonly trainable: Trainable;
  /** Gradient of the last run's loss, in the order of the trainable's flat buffer. */
  readonly gradients: Float32Array;
  /**
   * Computes the loss terms of a batch and writes the gradient of `share * loss`.
   *
   * @param weights lambda of each regularizer that has a penalty, by name
   * @param share the part of an accumulated batch that this one makes up. Default 1
   */
  run(batch: Batch, weights?: Readonly<Record<string, number>>, share?: number): Promise<LossTerms>;
  release(): Promise<void>;
}

/**
 * Compiles the training step of a model: traced once, differentiated once, one session.
 *
 * @throws TrainOptionError when two regularizers have one name; GradientError when a trained tensor would get no gradient.
 */
export async function compileTrainStep(options: TrainStepOptions): Promise<TrainStep> {
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
    async run(batch, weights = {}, share = 1) {
      const inputs = { ...lossInputs(settings, batch, weights, share), ...trainable.tensors };
      return readLossTerms(settings, await executable.run(inputs, { into }), weights);
    },
    release: () => executable.release(),
  };
}

/** The inputs of the whole step. */
export function trainStepSignature({ trainable, penalties, tags, pieces }: StepSettings): Signature {
  return {
    ...batchSignature(pieces.count, tags),
    [shareInput]: tensorType('float32', []),
    ...Object.fromEntries(penalties.map((name) => [weightInput(name), tensorType('float32', [])])),
    ...Object.fromEntries(
      Object.entries(trainable.tensors).map(([name, { shape }]) => [name, tensorType('float32', shape)]),
    ),
  };
}

/** Traces the whole step: loss terms, and the gradient of every trained tensor. */
export function traceTrainStep(
  { model, trainable, regularizers, pieces, attentionBlocks }: StepSettings,
  inputs: NamedTensors,
  recompute: Recomputation = 'unkept',
): Record<string, Tensor> {
  const forward = {
    model,
    trained: trainable.forward(inputs),
    regularizers,
    recompute,
    pieces: pieces.count,
    attentionBlocks,
  };
  const { objective, crossEntropy, penalties } = traceLoss(forward, traceForward(forward, inputs), inputs);
  const names = Object.keys(trainable.tensors);
  const found = gradients(
    objective,
    names.map((name) => inputs[name]!),
  );
  return {
    crossEntropy,
    ...Object.fromEntries(Object.entries(penalties).map(([name, value]) => [penaltyOutput(name), value])),
    ...Object.fromEntries(names.map((name, index) => [gradientOutput(name), found[index]!])),
  };
}
