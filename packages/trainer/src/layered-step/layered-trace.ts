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
} from '../step/forward.ts';
import { traceLoss } from '../step/loss.ts';
import { type StepReference, type TracedReference, tracedReferences } from '../step/references.ts';
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
  /** @param reference its place among the step's */
  referenceHidden: (reference: number, layer: number) => `referenceHidden:${reference}:${layer}`,
  hiddenGradient: (layer: number) => `hiddenGradient:${layer}`,
};

/** The parts of a training step that is cut at the boundaries of the blocks. Layers count as in `ForwardOptions.hidden`. */
export interface LayeredParts {
  /** `tokenIds` to the embeddings, `state`. */
  readonly embed: Part;
  /** The same in a reference. */
  referenceEmbed(reference: StepReference): Part;
  /** `tokenIds` and the `gradient` of their embeddings to gradients of trained tensors. */
  readonly embedGradient: Part;
  /** `state` before block `layer` to `next` after it. */
  block(layer: number): Part;
  /** The same in a reference. */
  referenceBlock(reference: StepReference, layer: number): Part;
  /** `state` before block `layer` and `gradient` after it to `stateGradient` before it, and gradients of trained tensors. */
  blockGradient(layer: number): Part;
  /** `state` after a layer as the block left it to `edited`; undefined where no regularizer edits. */
  edit(layer: number): Part | undefined;
  /** `state` before an edit and `gradient` after it to `stateGradient` before it. */
  editGradient(layer: number): Part;
  /** The last `state`, the references', and those that penalties see to loss terms and gradients. */
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
  const traceBlock = (layer: number, inputs: NamedTensors, options: BlockOptions, of = model) =>
    of.block(layer, inputs.state!, { ...options, ...blockSettings(settings, inputs) });
  const traceEmbedding = (inputs: NamedTensors, options: AdaptedForward, of = model) =>
    of.embed(networkTokens(settings, inputs), options);
  const references = tracedReferences(settings.references, fed);
  const adaptedOf = ({ name }: StepReference) => references.find((each) => each.name === name)!.adapted;
  const editState = (inputs: NamedTensors, layer: number) =>
    editHidden({ regularizers, packed }, inputs.state!, layer, inputs);

  return {
    embed: {
      signature: ids,
      trace: (inputs) => ({ state: traceEmbedding(inputs, trained) }),
    },
    referenceEmbed: (reference) => ({
      signature: ids,
      trace: (inputs) => ({ state: traceEmbedding(inputs, adaptedOf(reference), reference.model) }),
    }),
    embedGradient: {
      signature: { ...ids, gradient: stateType },
      trace: (inputs) => parameterGradients(traceEmbedding(inputs, trained), inputs.gradient!, parameters),
    },
    block: (layer) => ({
      signature: { ...state, ...places },
      trace: (inputs) => ({ next: traceBlock(layer, inputs, trained) }),
    }),
    referenceBlock: (reference, layer) => ({
      signature: { ...state, ...places },
      trace: (inputs) => ({ next: traceBlock(layer, inputs, adaptedOf(reference), reference.model) }),
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
    head: headPart(settings, parameters, trainedOf, references),
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
  return neededLayers(settings).filter((layer) => layer !== settings.model.config.layerCount);
}

/** Layers of a reference whose states the head takes: those that penalties see, and the last for its logits. */
export function referenceStates({ layers, depth }: StepReference): number[] {
  return [...new Set([...layers, depth])];
}

function evaluationHeadPart(
  settings: StepSettings,
  parameters: NamedTensors,
  trained: ForwardSettings['trained'],
): Part {
  const { model, pieces, attentionBlocks, packed, objective } = settings;
  const { layerCount, hiddenSize } = model.config;
  const stateType = tensorType('float32', [...streamShape(settings), hiddenSize]);
  // That of an objective, which is taken to the model in training.
  const base = settings.references.filter(({ name }) => name === 'base');
  const referenceState = headNames.referenceHidden(0, layerCount);
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
        references: objective ? base.map((each) => ({ ...each, layers: [], adapted: {} })) : [],
      };
      const output = model.finalNorm(inputs.state!, trained(0));
      const reference = objective && { output: model.finalNorm(inputs[referenceState]!), states: {} };
      const backbones = new Map(reference && [['base', reference]]);
      const traced = collectForward(forward, inputs, { output, states: {} }, backbones);
      return lossOutputs(traceLoss(forward, traced, inputs));
    },
  };
}

function headPart(
  settings: StepSettings,
  parameters: NamedTensors,
  trained: ForwardSettings['trained'],
  references: readonly TracedReference[],
): Part {
  const { model, regularizers, pieces, tags, attentionBlocks, packed, objective } = settings;
  const { layerCount, hiddenSize } = model.config;
  const stateType = tensorType('float32', [...streamShape(settings), hiddenSize]);
  const hidden = hiddenLayers(settings);
  const referenceNames = references.flatMap((reference, index) =>
    referenceStates(reference).map((layer) => headNames.referenceHidden(index, layer)),
  );
  return {
    signature: {
      ...batchSignature(pieces.count, tags, packed),
      state: stateType,
      ...Object.fromEntries(hidden.map((layer) => [headNames.hidden(layer), stateType])),
      ...Object.fromEntries(referenceNames.map((name) => [name, stateType])),
      ...(objective && pairSignature),
      ...termWeightTypes(settings),
    },
    trace(inputs) {
      const states = { ...pickStates(inputs, hidden, headNames.hidden), [layerCount]: inputs.state! };
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
        references,
      };
      const backbones = references.map((reference, index) => {
        const nameOf = (layer: number) => headNames.referenceHidden(index, layer);
        const ofReference = pickStates(inputs, referenceStates(reference), nameOf);
        const last = ofReference[layerCount];
        // Without its logits nothing reads the reference's output.
        const output =
          last === undefined ? inputs.state! : reference.model.finalNorm(last, reference.adapted);
        return [reference.name, { output, states: ofReference }] as const;
      });
      const traced = collectForward(
        forward,
        inputs,
        { output: model.finalNorm(states[layerCount]!, trained(0)), states },
        new Map(backbones),
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
