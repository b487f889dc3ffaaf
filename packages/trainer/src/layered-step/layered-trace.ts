import type { AdaptedForward, BlockOptions } from '@safetune/models';
import {
  input,
  type NamedTensors,
  pullBack,
  type Tensor,
  type TensorType,
  tensorsBehind,
  tensorType,
} from '@safetune/tensor';
import { batchSignature } from '../data/batch-inputs.ts';
import { blockSettings, editHidden, networkTokens } from '../step/forward.ts';
import { type StepReference, tracedReferences } from '../step/references.ts';
import { streamShape, trainableTypes } from '../step/step-inputs.ts';
import { gradientOutput } from '../step/step-outputs.ts';
import type { StepSettings } from '../step/step-settings.ts';
import { evaluationHeadPart, headPart } from './layered-head.ts';
import type { Part } from './layered-part.ts';

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
