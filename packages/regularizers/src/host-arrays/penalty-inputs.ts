import {
  type Dimension,
  input,
  type Tensor,
  type TensorType,
  type TraceNode,
  tensorType,
} from '@safetune/tensor';
import { MissingNeedError, RegularizerOptionError } from '../errors.ts';
import { type LayerSelection, resolveLayers } from '../interface/layers.ts';
import type { ForwardOutputs, Regularizer } from '../interface/regularizer.ts';
import { tracedPenalty } from '../interface/traced.ts';

/** Extents that a graph may hold fixed; a symbol stands for any. */
export interface PenaltyExtents {
  /** Default 'vocabulary': any. */
  readonly vocabularySize?: number;
  /** Default 'hidden': any. */
  readonly hiddenSize?: number;
}

/** The fields of ForwardOutputs that are one tensor each, not one per layer or tag. */
export type PenaltyField =
  | 'tokenIds'
  | 'tokenMask'
  | 'tokenResponseMask'
  | 'logits'
  | 'referenceLogits'
  | 'labels'
  | 'responseMask'
  | 'positionInResponse'
  | 'exampleOfRow';

function fieldTypes(vocabulary: Dimension): Record<PenaltyField, TensorType> {
  return {
    tokenIds: tensorType('int64', ['batch', 'seq']),
    tokenMask: tensorType('float32', ['batch', 'seq']),
    tokenResponseMask: tensorType('float32', ['batch', 'seq']),
    logits: tensorType('float32', ['rows', vocabulary]),
    referenceLogits: tensorType('float32', ['rows', vocabulary]),
    labels: tensorType('int64', ['rows']),
    responseMask: tensorType('float32', ['rows']),
    positionInResponse: tensorType('float32', ['rows']),
    exampleOfRow: tensorType('int64', ['rows']),
  };
}

/** Name of the graph input that holds the states after a layer. */
export function stateInput(side: 'hiddenStates' | 'referenceHiddenStates', layer: number): string {
  return `${side}.${layer}`;
}

/** Name of the graph input that marks the examples carrying a tag. */
export function tagInput(tag: string): string {
  return `tagged.${tag}`;
}

/** What a forward pass offers a penalty: layers by number, and tags by name. */
export interface Offer {
  readonly referenceLogits: boolean;
  readonly hiddenStates: readonly number[];
  readonly referenceHiddenStates: readonly number[];
  readonly tags: readonly string[];
  readonly extents: PenaltyExtents;
}

/**
 * What the needs declare.
 *
 * @param model - how many blocks it has (may be unknown where layers are listed one by one), and extents to hold fixed.
 * @throws RegularizerOptionError when the number of blocks is needed, or a layer does not exist.
 */
export function declaredOffer(
  { name, needs = {} }: Pick<Regularizer, 'name' | 'needs'>,
  { layerCount, ...extents }: PenaltyExtents & { readonly layerCount?: number } = {},
): Offer {
  const layers = (selection?: LayerSelection) => {
    if (selection === undefined) return [];
    if (layerCount !== undefined) return resolveLayers(selection, layerCount);
    if (typeof selection === 'object' && Symbol.iterator in selection) {
      return resolveLayers(selection, Math.max(1, ...selection));
    }
    throw new RegularizerOptionError(
      name,
      `give layerCount, the model's number of blocks: the layers ${JSON.stringify(selection)} depend on it`,
    );
  };
  return {
    referenceLogits: needs.referenceLogits === true,
    hiddenStates: layers(needs.hiddenStates),
    referenceHiddenStates: layers(needs.referenceHiddenStates),
    tags: needs.tags ?? [],
    extents,
  };
}

/** Types of the graph inputs an offer comes to, by name. */
export function offerSignature(offer: Offer): Record<string, TensorType> {
  const { vocabularySize = 'vocabulary', hiddenSize = 'hidden' } = offer.extents;
  const { referenceLogits, ...always } = fieldTypes(vocabularySize);
  const states = tensorType('float32', ['batch', 'seq', hiddenSize]);
  return {
    ...always,
    ...(offer.referenceLogits ? { referenceLogits } : {}),
    ...Object.fromEntries([
      ...offer.hiddenStates.map((layer) => [stateInput('hiddenStates', layer), states]),
      ...offer.referenceHiddenStates.map((layer) => [stateInput('referenceHiddenStates', layer), states]),
      ...offer.tags.map((tag) => [tagInput(tag), tensorType('float32', ['batch'])]),
    ]),
  };
}

/** A penalty traced on inputs of its own, and the names of those that it really uses. */
export interface TracedPenalty {
  readonly penalty: Tensor;
  readonly used: readonly string[];
}

/**
 * Traces a regularizer's penalty.
 *
 * @param given - traced tensors to use under the names of {@link offerSignature}; the others are made.
 * @throws RegularizerOptionError when it has no penalty, or one that is not a float32 scalar.
 */
export function tracePenalty(
  regularizer: Regularizer,
  offer: Offer,
  given: Readonly<Record<string, Tensor>> = {},
): TracedPenalty {
  const { tensors, outputs } = traceOutputs(regularizer.name, offer, given);
  const penalty = tracedPenalty(regularizer, outputs);
  if (penalty.rank !== 0 || penalty.dtype !== 'float32') {
    throw new RegularizerOptionError(
      regularizer.name,
      `its penalty is ${penalty}, must be a float32 scalar: reduce it, for example with maskedMean`,
    );
  }
  return { penalty, used: inputsBehind(penalty, tensors) };
}

/** The forward outputs of an offer as traced tensors, and the graph inputs behind them by name. */
export function traceOutputs(
  regularizer: string,
  offer: Offer,
  given: Readonly<Record<string, Tensor>> = {},
): { readonly tensors: ReadonlyMap<string, Tensor>; readonly outputs: ForwardOutputs } {
  const tensors = new Map(
    Object.entries(offerSignature(offer)).map(([name, type]) => [name, given[name] ?? input(name, type)]),
  );
  return { tensors, outputs: forwardOutputs(regularizer, offer, (name) => tensors.get(name)!) };
}

function forwardOutputs(regularizer: string, offer: Offer, tensor: (name: string) => Tensor): ForwardOutputs {
  const states = (side: 'hiddenStates' | 'referenceHiddenStates') =>
    new Map(offer[side].map((layer) => [layer, tensor(stateInput(side, layer))]));
  const { referenceLogits, ...always } = fieldTypes('vocabulary');
  return {
    ...(Object.fromEntries(Object.keys(always).map((name) => [name, tensor(name)])) as Record<
      keyof typeof always,
      Tensor
    >),
    ...(offer.referenceLogits ? { referenceLogits: tensor('referenceLogits') } : {}),
    hiddenStates: states('hiddenStates'),
    referenceHiddenStates: states('referenceHiddenStates'),
    tagged: (tag) => {
      if (!offer.tags.includes(tag)) throw new MissingNeedError(regularizer, `the tag '${tag}'`);
      return tensor(tagInput(tag));
    },
  };
}

/** Names of the graph inputs that a traced value depends on. */
export function inputsBehind(tensor: Tensor, inputs: ReadonlyMap<string, Tensor>): string[] {
  const found = new Set<TraceNode>();
  const stack = [tensor.node];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    stack.push(...node.inputs.map((operand) => operand.node));
  }
  return [...inputs].flatMap(([name, { node }]) => (found.has(node) ? [name] : []));
}
