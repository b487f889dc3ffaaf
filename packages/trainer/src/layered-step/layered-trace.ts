import type { AdaptedForward, BlockOptions } from '@safetune/models';
import {
  gradients,
  input,
  type LayerFunction,
  type NamedTensors,
  pullBack,
  type Signature,
  type Tensor,
  type TensorType,
  tensorsBehind,
  tensorType,
} from '@safetune/tensor';
import { batchSignature } from '../data/batch-inputs.ts';
import { pairSignature } from '../data/pair-inputs.ts';
import {
  blockSettings,
  collectForward,
  editHidden,
  type ForwardSettings,
  neededLayers,
  networkTokens,
  referenceDepth,
} from '../step/forward.ts';
import { traceLoss } from '../step/loss.ts';
import {
  gradientOutput,
  lossOutputs,
  type StepSettings,
  streamShape,
  termWeightTypes,
  trainableTypes,
} from '../step/step-settings.ts';

/** A part of the step: its function, and the signature it is traced over. */
export interface Part {
  readonly signature: Signature;
  readonly trace: LayerFunction<Signature>;
}

/** Names of the head's inputs and outputs that the whole step does not have. */
export const headNames = {
  hidden: (layer: number) => `hidden:${layer}`,
  referenceHidden: (layer: number) => `referenceHidden:${layer}`,
  hiddenGradient: (layer: number) => `hiddenGradient:${layer}`,
};

/** The parts of a training step that is cut at the boundaries of the blocks. Layers count as in `ForwardOptions.hidden`. */
export interface LayeredParts {
  /** `tokenIds` to the embeddings, `state`. */
  readonly embed: Part;
  /** The same in the safe reference. */
  readonly referenceEmbed: Part;
  /** `tokenIds` and the `gradient` of their embeddings to gradients of trained tensors. */
  readonly embedGradient: Part;
  /** `state` before block `layer` to `next` after it. */
  block(layer: number): Part;
  /** The same in the safe reference. */
  referenceBlock(layer: number): Part;
  /** `state` before block `layer` and `gradient` after it to `stateGradient` before it, and gradients of trained tensors. */
  blockGradient(layer: number): Part;
  /** `state` after a layer as the block left it to `edited`; undefined where no regularizer edits. */
  edit(layer: number): Part | undefined;
  /** `state` before an edit and `gradient` after it to `stateGradient` before it. */
  editGradient(layer: number): Part;
  /** The last `state`, the reference's, and those that penalties see to loss terms and gradients. */
  readonly head: Part;
  /** The last `state`, and the reference's for an objective over pairs, to the loss without penalties and gradients. */
  readonly evaluationHead: Part;
}

/** The parts of a step, as functions to be traced. */
export function layeredParts(settings: StepSettings): LayeredParts {
  const { model, trainable, regularizers, packed } = settings;
  const fed = Object.fromEntries(
    Object.entries(trainableTypes(settings)).map(([name, type]) => [name, input(name, type)]),
  );
  const parameters = Object.fromEntries(Object.keys(trainable.tensors).map((name) => [name, fed[name]!]));
  const trainedOf = (piece: number) => trainable.forward(fed, piece);
  const trained = trainedOf(0);
  const stateType = tensorType('float32', [...streamShape(settings), model.config.hiddenSize]);
  const batch = batchSignature(1, [], packed);
  const places = packed ? pick(batch, ['packedPlaces', 'paddedPlaces', 'tokenMask']) : {};
  const ids = { ...pick(batch, ['tokenIds']), ...(packed && pick(batch, ['paddedPlaces'])) };
  const tokens = { ...pick(batch, ['tokenIds', 'tokenMask', 'tokenResponseMask']), ...places };
  const state = { state: stateType };
  const stateAndGradient = { state: stateType, gradient: stateType };
  const traceBlock = (layer: number, inputs: NamedTensors, options: BlockOptions = {}) =>
    model.block(layer, inputs.state!, { ...options, ...blockSettings(settings, inputs) });
  const traceEmbedding = (inputs: NamedTensors, options?: AdaptedForward) =>
    model.embed(networkTokens(settings, inputs), options);
  const editState = (inputs: NamedTensors, layer: number) =>
    editHidden({ regularizers, packed }, inputs.state!, layer, inputs);

  return {
    embed: {
      signature: ids,
      trace: (inputs) => ({ state: traceEmbedding(inputs, trained) }),
    },
    referenceEmbed: {
      signature: ids,
      trace: (inputs) => ({ state: traceEmbedding(inputs) }),
    },
    embedGradient: {
      signature: { ...ids, gradient: stateType },
      trace: (inputs) => parameterGradients(traceEmbedding(inputs, trained), inputs.gradient!, parameters),
    },
    block: (layer) => ({
      signature: { ...state, ...places },
      trace: (inputs) => ({ next: traceBlock(layer, inputs, trained) }),
    }),
    referenceBlock: (layer) => ({
      signature: { ...state, ...places },
      trace: (inputs) => ({ next: traceBlock(layer, inputs) }),
    }),
    blockGradient: (layer) => ({
      signature: { ...stateAndGradient, ...places },
      trace: (inputs) =>
        parameterGradients(traceBlock(layer, inputs, trained), inputs.gradient!, parameters, inputs.state),
    }),
    edit(layer) {
      const probe = Object.fromEntries(
        Object.entries({ ...state, ...tokens }).map(([name, type]) => [name, input(name, type)]),
      );
      if (editState(probe, layer) === probe.state) return undefined;
      return {
        signature: { ...state, ...tokens },
        trace: (inputs) => ({ edited: editState(inputs, layer) }),
      };
    },
    editGradient: (layer) => ({
      signature: { ...stateAndGradient, ...tokens },
      trace: (inputs) => {
        const edited = { output: editState(inputs, layer), gradient: inputs.gradient! };
        // An edit may replace the stream altogether.
        return { stateGradient: pullBack([edited], [inputs.state!], { unused: 'zeros' })[0]! };
      },
    }),
    head: headPart(settings, parameters, trainedOf),
    evaluationHead: evaluationHeadPart(settings, parameters, trainedOf),
  };
}

function pick(
  types: Readonly<Record<string, TensorType>>,
  names: readonly string[],
): Record<string, TensorType> {
  return Object.fromEntries(names.map((name) => [name, types[name]!]));
}

/** Gradients of the trained tensors behind `output`, and of the residual stream it was computed from. */
function parameterGradients(
  output: Tensor,
  gradient: Tensor,
  parameters: NamedTensors,
  state?: Tensor,
): Record<string, Tensor> {
  const used = new Set(tensorsBehind([output], Object.values(parameters)));
  const names = Object.keys(parameters).filter((name) => used.has(parameters[name]!));
  const before = state === undefined ? [] : [state];
  const found = pullBack([{ output, gradient }], [...before, ...names.map((name) => parameters[name]!)]);
  return {
    ...(state === undefined ? {} : { stateGradient: found[0]! }),
    ...Object.fromEntries(names.map((name, index) => [gradientOutput(name), found[before.length + index]!])),
  };
}

/** Layers besides the last whose states penalties see. */
export function hiddenLayers(settings: Pick<StepSettings, 'model' | 'regularizers'>): number[] {
  return neededLayers(settings, 'hiddenStates').filter((layer) => layer !== settings.model.config.layerCount);
}

/** Layers of the reference whose states the head takes: those that penalties see, and the last for its logits. */
export function referenceStates(
  settings: Pick<StepSettings, 'model' | 'regularizers' | 'objective'>,
): number[] {
  const depth = referenceDepth(settings);
  const needed = neededLayers(settings, 'referenceHiddenStates');
  return depth === undefined || needed.includes(depth) ? needed : [...needed, depth];
}

function evaluationHeadPart(
  settings: StepSettings,
  parameters: NamedTensors,
  trained: ForwardSettings['trained'],
): Part {
  const { model, pieces, attentionBlocks, packed, objective } = settings;
  const { layerCount, hiddenSize } = model.config;
  const stateType = tensorType('float32', [...streamShape(settings), hiddenSize]);
  const referenceState = headNames.referenceHidden(layerCount);
  return {
    signature: {
      ...batchSignature(pieces.count, [], packed),
      state: stateType,
      ...(objective && { ...pairSignature, [referenceState]: stateType }),
      ...termWeightTypes({ penalties: [], objective, regularizers: [] }),
    },
    trace(inputs) {
      const forward = {
        model,
        trained,
        parameters: Object.values(parameters),
        regularizers: [],
        objective,
        pieces: pieces.count,
        recompute: 'none' as const,
        attentionBlocks,
        packed,
      };
      const output = model.finalNorm(inputs.state!, trained(0));
      const reference = objective && { output: model.finalNorm(inputs[referenceState]!), states: {} };
      const traced = collectForward(forward, inputs, { output, states: {} }, reference);
      return lossOutputs(traceLoss(forward, traced, inputs));
    },
  };
}

function headPart(
  settings: StepSettings,
  parameters: NamedTensors,
  trained: ForwardSettings['trained'],
): Part {
  const { model, regularizers, pieces, tags, attentionBlocks, packed, objective } = settings;
  const { layerCount, hiddenSize } = model.config;
  const stateType = tensorType('float32', [...streamShape(settings), hiddenSize]);
  const [hidden, reference] = [hiddenLayers(settings), referenceStates(settings)];
  return {
    signature: {
      ...batchSignature(pieces.count, tags, packed),
      state: stateType,
      ...Object.fromEntries(hidden.map((layer) => [headNames.hidden(layer), stateType])),
      ...Object.fromEntries(reference.map((layer) => [headNames.referenceHidden(layer), stateType])),
      ...(objective && pairSignature),
      ...termWeightTypes(settings),
    },
    trace(inputs) {
      const states = { ...pickStates(inputs, hidden, headNames.hidden), [layerCount]: inputs.state! };
      const referenceOf = pickStates(inputs, reference, headNames.referenceHidden);
      const last = referenceOf[layerCount];
      const forward = {
        model,
        trained,
        parameters: Object.values(parameters),
        regularizers,
        objective,
        pieces: pieces.count,
        recompute: 'none' as const,
        attentionBlocks,
        packed,
      };
      const traced = collectForward(
        forward,
        inputs,
        { output: model.finalNorm(states[layerCount]!, trained(0)), states },
        // Without its logits nothing reads the reference's output.
        reference.length === 0
          ? undefined
          : { output: last === undefined ? inputs.state! : model.finalNorm(last), states: referenceOf },
      );
      const loss = traceLoss(forward, traced, inputs);
      const used = new Set(tensorsBehind([loss.objective], Object.values(parameters)));
      const wanted = {
        stateGradient: inputs.state!,
        ...Object.fromEntries(hidden.map((layer) => [headNames.hiddenGradient(layer), states[layer]!])),
        ...Object.fromEntries(
          Object.entries(parameters).flatMap(([name, tensor]) =>
            used.has(tensor) ? [[gradientOutput(name), tensor]] : [],
          ),
        ),
      };
      // A state that a penalty asked for may have no part in the loss.
      const found = gradients(loss.objective, Object.values(wanted), { unused: 'zeros' });
      return {
        ...lossOutputs(loss),
        ...Object.fromEntries(Object.keys(wanted).map((name, index) => [name, found[index]!])),
      };
    },
  };
}

function pickStates(
  inputs: NamedTensors,
  layers: readonly number[],
  nameOf: (layer: number) => string,
): Record<number, Tensor> {
  return Object.fromEntries(layers.map((layer) => [layer, inputs[nameOf(layer)]!]));
}
