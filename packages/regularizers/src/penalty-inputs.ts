import { type DataType, input, type Shape, type Tensor, type TensorType, type TraceNode } from '@safetune/tensor';
import { MissingNeedError, RegularizerOptionError } from './errors.ts';
import { type LayerSelection, resolveLayers } from './layers.ts';
import type { ForwardOutputs, Regularizer, RegularizerNeeds } from './regularizer.ts';

const type = (dtype: DataType, ...shape: Shape): TensorType => ({ dtype, shape });

/** The fields of {@link ForwardOutputs} that are one tensor each. */
const fields = {
  tokenIds: type('int64', 'batch', 'seq'),
  tokenMask: type('float32', 'batch', 'seq'),
  tokenResponseMask: type('float32', 'batch', 'seq'),
  logits: type('float32', 'rows', 'vocabulary'),
  referenceLogits: type('float32', 'rows', 'vocabulary'),
  labels: type('int64', 'rows'),
  responseMask: type('float32', 'rows'),
  exampleOfRow: type('int64', 'rows'),
} satisfies Record<string, TensorType>;

/** A field of the forward outputs that is one tensor, not one per layer or tag. */
export type PenaltyField = keyof typeof fields;

const stateType = type('float32', 'batch', 'seq', 'hidden');

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
}

/** What the needs declare, for a model of so many blocks; it may be unknown where layers are listed one by one. */
export function declaredOffer(name: string, needs: RegularizerNeeds = {}, layerCount?: number): Offer {
  const layers = (selection?: LayerSelection) => {
    if (selection === undefined) return [];
    if (layerCount !== undefined) return resolveLayers(selection, layerCount);
    if (typeof selection === 'object' && Symbol.iterator in selection) {
      return resolveLayers(selection, Math.max(1, ...selection));
    }
    throw new RegularizerOptionError(name, `say how many blocks the model has: ${JSON.stringify(selection)} needs layerCount`);
  };
  return {
    referenceLogits: needs.referenceLogits === true,
    hiddenStates: layers(needs.hiddenStates),
    referenceHiddenStates: layers(needs.referenceHiddenStates),
    tags: needs.tags ?? [],
  };
}

/** Types of the graph inputs an offer comes to, by name. */
export function offerSignature(offer: Offer): Record<string, TensorType> {
  const { referenceLogits, ...always } = fields;
  return {
    ...always,
    ...(offer.referenceLogits ? { referenceLogits } : {}),
    ...Object.fromEntries([
      ...offer.hiddenStates.map((layer) => [stateInput('hiddenStates', layer), stateType]),
      ...offer.referenceHiddenStates.map((layer) => [stateInput('referenceHiddenStates', layer), stateType]),
      ...offer.tags.map((tag) => [tagInput(tag), type('float32', 'batch')]),
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
  if (regularizer.penalty === undefined) {
    throw new RegularizerOptionError(regularizer.name, 'has no penalty: it is no term of the loss');
  }
  const tensors = new Map(
    Object.entries(offerSignature(offer)).map(([name, type]) => [name, given[name] ?? input(name, type)]),
  );
  const penalty = regularizer.penalty(forwardOutputs(regularizer.name, offer, (name) => tensors.get(name)!));
  if (penalty.rank !== 0 || penalty.dtype !== 'float32') {
    throw new RegularizerOptionError(
      regularizer.name,
      `its penalty is ${penalty}, must be a float32 scalar: reduce it, for example with maskedMean`,
    );
  }
  const behind = nodesBehind(penalty);
  return { penalty, used: [...tensors].flatMap(([name, { node }]) => (behind.has(node) ? [name] : [])) };
}

function forwardOutputs(regularizer: string, offer: Offer, tensor: (name: string) => Tensor): ForwardOutputs {
  const states = (side: 'hiddenStates' | 'referenceHiddenStates') =>
    new Map(offer[side].map((layer) => [layer, tensor(stateInput(side, layer))]));
  const single = Object.keys(fields).filter((name) => offer.referenceLogits || name !== 'referenceLogits');
  return {
    ...(Object.fromEntries(single.map((name) => [name, tensor(name)])) as Record<PenaltyField, Tensor>),
    hiddenStates: states('hiddenStates'),
    referenceHiddenStates: states('referenceHiddenStates'),
    tagged: (tag) => {
      if (!offer.tags.includes(tag)) throw new MissingNeedError(regularizer, `the tag '${tag}'`);
      return tensor(tagInput(tag));
    },
  };
}

function nodesBehind(tensor: Tensor): ReadonlySet<TraceNode> {
  const found = new Set<TraceNode>();
  const stack = [tensor.node];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    stack.push(...node.inputs.map((operand) => operand.node));
  }
  return found;
}
