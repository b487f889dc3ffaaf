import {
  type AdaptedForward,
  type BlockOptions,
  type CausalLm,
  type PackedExamples,
  packExamples,
  unpackExamples,
} from '@safetune/models';
import {
  type ForwardOutputs,
  type Regularizer,
  resolveLayers,
  type TracedBatch,
  tracedEdit,
} from '@safetune/regularizers';
import {
  checkpoint,
  gather,
  multiplyDimensions,
  type NamedTensors,
  type Recomputation,
  reshape,
  split,
  type Tensor,
} from '@safetune/tensor';
import { pieceExtent, pieceInput, tagInput } from '../data/batch-inputs.ts';
import { TrainOptionError } from '../errors.ts';
import type { PairObjective } from '../objectives/pair-objective.ts';
import type { TracedReference } from './references.ts';

export interface ForwardSettings {
  readonly model: CausalLm;
  /** How the forward pass in training uses the trained tensors; of the output layer for a piece of rows. */
  trained(piece: number): AdaptedForward;
  /** The trained tensors, traced. */
  readonly parameters: readonly Tensor[];
  readonly regularizers: readonly Regularizer[];
  /** What is learned from pairs instead of the cross-entropy. */
  readonly objective?: PairObjective | undefined;
  /** What of the blocks is computed again in the backward pass. */
  readonly recompute: Recomputation;
  /** Pieces that the rows of logits come in. */
  readonly pieces: number;
  /** Blocks of heads that attention is computed in. */
  readonly attentionBlocks: number;
  /**
   * Whether the network runs over the batch's examples packed into one row. Regularizers never see that: what they get and
   * give is unpacked.
   */
  readonly packed: boolean;
  /** The models that penalties are taken to. */
  readonly references: readonly TracedReference[];
}

/** One piece of the rows of logits: hidden states to apply the head to, and what is known of each row. */
export interface RowPiece
  extends Pick<ForwardOutputs, 'labels' | 'responseMask' | 'positionInResponse' | 'exampleOfRow'> {
  /** Which one it is; as many as there are for all of them together. */
  readonly piece: number;
  /** [rows], of the cross-entropy of each row. */
  readonly lossWeight: Tensor;
  /** [rows, hidden], after the final norm. */
  readonly hidden: Tensor;
  /** The same of each reference whose logits are needed, by its name. */
  readonly referenceHidden: ReadonlyMap<string, Tensor>;
}

/** A forward pass up to the head, in training and of the references. */
export interface TracedForward {
  readonly pieces: readonly RowPiece[];
  /** What penalties see besides the rows. */
  readonly shared: TracedBatch & Pick<ForwardOutputs, 'hiddenStates' | 'tagged'>;
  /** The states of each reference by layer, by its name. */
  readonly referenceStates: ReadonlyMap<string, ForwardOutputs['referenceHiddenStates']>;
}

/** A backbone's result, [batch, seq, hidden] or packed; of the states, at least those that regularizers need. */
export interface TracedBackbone {
  /** After the final norm. */
  readonly output: Tensor;
  /** The residual stream by layer. */
  readonly states: Readonly<Record<number, Tensor>>;
}

/** Traces the model in training and the references. */
export function traceForward(settings: ForwardSettings, inputs: NamedTensors): TracedForward {
  const { model, trained, recompute } = settings;
  checkEditedLayers(settings);
  const tokenIds = networkTokens(settings, inputs);
  const blocks = blockSettings(settings, inputs);
  const backbone = model.forward(tokenIds, {
    ...trained(0),
    ...blocks,
    block: (trace, state) => checkpoint((before) => [trace(before)], [state], { recompute })[0]!,
    hidden: (state, layer) => editHidden(settings, state, layer, inputs),
  });
  const references = settings.references.map(
    ({ name, model, adapted }) => [name, model.forward(tokenIds, { ...adapted, ...blocks })] as const,
  );
  return collectForward(settings, inputs, backbone, new Map(references));
}

/**
 * What penalties see, of backbones that were traced or computed before.
 *
 * @param references those of the references, by name
 */
export function collectForward(
  settings: ForwardSettings,
  inputs: NamedTensors,
  backbone: TracedBackbone,
  references: ReadonlyMap<string, TracedBackbone>,
): TracedForward {
  const pick = (states: Readonly<Record<number, Tensor>>, layers: readonly number[]) =>
    new Map(layers.map((layer) => [layer, unpacked(settings, states[layer]!, inputs)]));
  return {
    pieces: rowPieces(settings, inputs, backbone.output, references),
    shared: {
      ...tracedBatch(inputs),
      hiddenStates: pick(backbone.states, neededLayers(settings)),
      tagged: (tag) => {
        const mask = inputs[tagInput(tag)];
        if (mask !== undefined) return mask;
        throw new TrainOptionError('regularizers', `the tag '${tag}' is used but not declared in needs.tags`);
      },
    },
    referenceStates: new Map(
      settings.references.map(({ name, layers }) => [name, pick(references.get(name)!.states, layers)]),
    ),
  };
}

/** The batch as regularizers see it. */
export function tracedBatch(inputs: NamedTensors): TracedBatch {
  return {
    tokenIds: inputs.tokenIds!,
    tokenMask: inputs.tokenMask!,
    tokenResponseMask: inputs.tokenResponseMask!,
  };
}

/** The tokens as the network takes them: [batch, seq], or packed [1, tokens]. */
export function networkTokens({ packed }: Pick<ForwardSettings, 'packed'>, inputs: NamedTensors): Tensor {
  const tokenIds = inputs.tokenIds!;
  if (!packed) return tokenIds;
  const ids = gather(reshape(tokenIds, [multiplyDimensions('batch', 'seq')]), inputs.paddedPlaces!);
  return reshape(ids, [1, 'tokens']);
}

/** How blocks run over a batch. */
export function blockSettings(
  { packed, attentionBlocks }: Pick<ForwardSettings, 'packed' | 'attentionBlocks'>,
  inputs: NamedTensors,
): Pick<BlockOptions, 'packed' | 'attentionBlocks'> {
  return { attentionBlocks, ...(packed && { packed: packedExamples(inputs) }) };
}

function packedExamples(inputs: NamedTensors): PackedExamples {
  return {
    packedPlaces: inputs.packedPlaces!,
    paddedPlaces: inputs.paddedPlaces!,
    tokenMask: inputs.tokenMask!,
  };
}

/** A state as regularizers see it, [batch, seq, hidden]. */
function unpacked({ packed }: Pick<ForwardSettings, 'packed'>, state: Tensor, inputs: NamedTensors): Tensor {
  return packed ? unpackExamples(state, packedExamples(inputs)) : state;
}

/** The residual stream after a layer, edited by every regularizer that does; `state` itself when none does. */
export function editHidden(
  settings: Pick<ForwardSettings, 'regularizers' | 'packed'>,
  state: Tensor,
  layer: number,
  inputs: NamedTensors,
): Tensor {
  const batch = tracedBatch(inputs);
  const before = unpacked(settings, state, inputs);
  const after = settings.regularizers
    .filter(({ hidden }) => hidden !== undefined)
    .reduce((current, regularizer) => tracedEdit(regularizer, current, layer, batch), before);
  if (after === before) return state;
  return settings.packed ? packExamples(after, packedExamples(inputs)) : after;
}

/** @throws RegularizerOptionError when a regularizer edits a layer that the model does not have. */
export function checkEditedLayers({
  model,
  regularizers,
}: Pick<ForwardSettings, 'model' | 'regularizers'>): void {
  for (const { editedLayers } of regularizers) {
    if (editedLayers !== undefined) resolveLayers(editedLayers, model.config.layerCount);
  }
}

/** The layers of the model in training whose states some regularizer needs, ascending. */
export function neededLayers({
  model,
  regularizers,
}: Pick<ForwardSettings, 'model' | 'regularizers'>): number[] {
  const layers = regularizers.flatMap(({ needs }) => {
    const selection = needs?.hiddenStates;
    return selection === undefined ? [] : resolveLayers(selection, model.config.layerCount);
  });
  return [...new Set(layers)].sort((a, b) => a - b);
}

function rowPieces(
  settings: ForwardSettings,
  inputs: NamedTensors,
  output: Tensor,
  references: ReadonlyMap<string, TracedBackbone>,
): RowPiece[] {
  const { model, pieces, packed } = settings;
  const { hiddenSize } = model.config;
  const extents = Array.from({ length: pieces }, (_, piece) => pieceExtent(piece));
  // One gather for all rows, then pieces: its gradient is scattered back once.
  const hiddenPieces = (states: Tensor): readonly Tensor[] =>
    split(
      gather(
        reshape(states, [packed ? 'tokens' : multiplyDimensions('batch', 'seq'), hiddenSize]),
        inputs.rowIndex!,
      ),
      0,
      extents,
    );
  const hidden = hiddenPieces(output);
  const ofReferences = settings.references.flatMap(({ name, logits }) =>
    logits ? [[name, hiddenPieces(references.get(name)!.output)] as const] : [],
  );
  return hidden.map((rows, piece) => ({
    piece,
    hidden: rows,
    referenceHidden: new Map(ofReferences.map(([name, rows]) => [name, rows[piece]!])),
    labels: inputs[pieceInput('labels', piece)]!,
    responseMask: inputs[pieceInput('responseMask', piece)]!,
    positionInResponse: inputs[pieceInput('positionInResponse', piece)]!,
    lossWeight: inputs[pieceInput('lossWeight', piece)]!,
    exampleOfRow: inputs[pieceInput('exampleOfRow', piece)]!,
  }));
}
