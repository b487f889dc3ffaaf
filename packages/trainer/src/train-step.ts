import type { Batch } from '@safetune/datasets';
import type { CausalLm, ForwardOptions } from '@safetune/models';
import { type ForwardOutputs, maskedMean, type Regularizer, resolveLayers } from '@safetune/regularizers';
import {
  add,
  checkpoint,
  compile,
  crossEntropy,
  type Executable,
  gather,
  gradients,
  type HostArray,
  hostArray,
  multiply,
  multiplyDimensions,
  type NamedTensors,
  reshape,
  type RuntimeOptions,
  type Tensor,
  type TensorType,
  tensorType,
} from '@safetune/tensor';
import { batchInputs, batchSignature, tagInput } from './batch-inputs.ts';
import { TrainOptionError } from './errors.ts';
import type { Trainable } from './trainable.ts';

export interface TrainStepOptions {
  readonly model: CausalLm;
  readonly trainable: Trainable;
  readonly regularizers?: readonly Regularizer[];
  /**
   * Compute each block again in the backward pass instead of keeping its intermediate values: less memory for about a
   * third more time. Default false.
   */
  readonly recompute?: boolean;
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
  const { model, trainable, regularizers = [], recompute = false, runtime = {} } = options;
  const penalised = regularizers.filter((regularizer) => regularizer.penalty !== undefined);
  checkNames(regularizers);
  const tags = [...new Set(regularizers.flatMap(({ needs }) => needs?.tags ?? []))];
  const rows = regularizers.some(({ needs }) => needs?.rows === 'all') ? 'all' : 'response';
  const parameterNames = Object.keys(trainable.tensors);

  const signature: Record<string, TensorType> = { ...batchSignature, share: tensorType('float32', []) };
  for (const tag of tags) signature[tagInput(tag)] = tensorType('float32', ['batch']);
  for (const { name } of penalised) signature[weightInput(name)] = tensorType('float32', []);
  for (const [name, values] of Object.entries(trainable.tensors)) {
    signature[name] = tensorType('float32', values.shape);
  }

  const trace = (inputs: NamedTensors): Record<string, Tensor> => {
    const outputs = forward(model, trainable.forward(inputs), regularizers, recompute, inputs);
    const entropy = maskedMean(crossEntropy(outputs.logits, outputs.labels), outputs.responseMask);
    let loss = entropy;
    const penalties: Record<string, Tensor> = {};
    for (const regularizer of penalised) {
      const penalty = regularizer.penalty!(outputs);
      penalties[penaltyOutput(regularizer.name)] = penalty;
      loss = add(loss, multiply(penalty, inputs[weightInput(regularizer.name)]!));
    }
    const found = gradients(
      multiply(loss, inputs['share']!),
      parameterNames.map((name) => inputs[name]!),
    );
    return {
      loss,
      crossEntropy: entropy,
      ...penalties,
      ...Object.fromEntries(parameterNames.map((name, index) => [gradientOutput(name), found[index]!])),
    };
  };
  const executable: Executable = await compile(trace, signature, runtime);
  const flat = new Float32Array(trainable.parameters.length);
  const into = gradientViews(trainable, flat);

  return {
    gradients: flat,
    async run(batch, weights = {}, share = 1) {
      const feeds: Record<string, HostArray> = {
        ...batchInputs(batch, rows, tags),
        ...trainable.tensors,
        share: scalarArray(share),
      };
      for (const { name } of penalised) feeds[weightInput(name)] = scalarArray(weights[name] ?? 1);
      const values = await executable.run(feeds, { into });
      const read = (name: string) => Number(values[name]!.data[0]);
      return {
        loss: read('loss'),
        crossEntropy: read('crossEntropy'),
        penalties: Object.fromEntries(penalised.map(({ name }) => [name, read(penaltyOutput(name))])),
      };
    },
    release: () => executable.release(),
  };
}

/** Traces the model in training and, where a regularizer needs it, its safe reference. */
function forward(
  model: CausalLm,
  trained: Pick<ForwardOptions, 'linear' | 'weight'>,
  regularizers: readonly Regularizer[],
  recompute: boolean,
  inputs: NamedTensors,
): ForwardOutputs {
  const { tokenIds, tokenMask, tokenResponseMask, rowIndex, labels, responseMask, exampleOfRow } = inputs as {
    [Name in keyof typeof batchSignature]: Tensor;
  };
  const traced = { tokenIds, tokenMask, tokenResponseMask };
  const edits = regularizers.filter(({ hidden }) => hidden !== undefined);
  const edited: ForwardOptions = {
    ...trained,
    block: (trace, state) => checkpoint((before) => [trace(before)], [state], { recompute })[0]!,
    ...(edits.length === 0
      ? {}
      : {
          hidden: (state: Tensor, layer: number) =>
            edits.reduce((current, regularizer) => regularizer.hidden!(current, layer, traced), state),
        }),
  };
  const rowsOf = (states: Tensor) =>
    gather(reshape(states, [multiplyDimensions('batch', 'seq'), model.config.hiddenSize]), rowIndex);
  const layersOf = (need: 'hiddenStates' | 'referenceHiddenStates') =>
    new Set(regularizers.flatMap(({ needs }) => (needs?.[need] ? resolveLayers(needs[need], model.config.layerCount) : [])));
  const pick = (states: readonly Tensor[], layers: ReadonlySet<number>) =>
    new Map([...layers].map((layer) => [layer, states[layer]!]));

  const backbone = model.forward(tokenIds, edited);
  const referenceLayers = layersOf('referenceHiddenStates');
  const needsLogits = regularizers.some(({ needs }) => needs?.referenceLogits);
  const reference = needsLogits || referenceLayers.size > 0 ? model.forward(tokenIds) : undefined;
  return {
    ...traced,
    labels,
    responseMask,
    exampleOfRow,
    logits: model.head(rowsOf(backbone.output), trained),
    ...(needsLogits ? { referenceLogits: model.head(rowsOf(reference!.output)) } : {}),
    hiddenStates: pick(backbone.states, layersOf('hiddenStates')),
    referenceHiddenStates: reference ? pick(reference.states, referenceLayers) : new Map(),
    tagged: (tag) => {
      const mask = inputs[tagInput(tag)];
      if (mask === undefined) throw new TrainOptionError('regularizers', `the tag '${tag}' is used but not declared in needs.tags`);
      return mask;
    },
  };
}

function checkNames(regularizers: readonly Regularizer[]): void {
  const names = regularizers.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new TrainOptionError('regularizers', `two are named '${twice}'; give each its own name`);
  }
}

/** Views of the flat gradient buffer at the places where the parameters' views lie in theirs. */
function gradientViews(trainable: Trainable, flat: Float32Array): Record<string, HostArray> {
  return Object.fromEntries(
    Object.entries(trainable.tensors).map(([name, view]) => {
      const data = view.data as Float32Array;
      const start = (data.byteOffset - trainable.parameters.byteOffset) / data.BYTES_PER_ELEMENT + view.offset;
      return [gradientOutput(name), hostArray(flat.subarray(start, start + view.size), view.shape)];
    }),
  );
}

function scalarArray(value: number): HostArray {
  return hostArray(Float32Array.of(value), []);
}

const weightInput = (regularizer: string) => `weight:${regularizer}`;
const penaltyOutput = (regularizer: string) => `penalty:${regularizer}`;
const gradientOutput = (parameter: string) => `gradient:${parameter}`;
