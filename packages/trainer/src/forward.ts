import type { CausalLm, ForwardOptions } from '@safetune/models';
import { type ForwardOutputs, type Regularizer, resolveLayers, type TracedBatch } from '@safetune/regularizers';
import { checkpoint, gather, multiplyDimensions, type NamedTensors, reshape, split, type Tensor } from '@safetune/tensor';
import { pieceExtent, pieceInput, tagInput } from './batch-inputs.ts';
import { TrainOptionError } from './errors.ts';

export interface ForwardSettings {
  readonly model: CausalLm;
  /** How the forward pass in training uses the trained tensors. */
  readonly trained: Pick<ForwardOptions, 'linear' | 'weight'>;
  readonly regularizers: readonly Regularizer[];
  /** Compute blocks again in the backward pass. */
  readonly recompute: boolean;
  /** Pieces that the rows of logits come in. */
  readonly pieces: number;
}

/** One piece of the rows of logits: hidden states to apply the head to, and what is known of each row. */
export interface RowPiece extends Pick<ForwardOutputs, 'labels' | 'responseMask' | 'exampleOfRow'> {
  /** [rows, hidden], after the final norm. */
  readonly hidden: Tensor;
  /** The same of the safe reference, when a regularizer needs its logits. */
  readonly referenceHidden: Tensor | undefined;
}

/** A forward pass up to the head, in training and (where needed) of the safe reference. */
export interface TracedForward {
  readonly pieces: readonly RowPiece[];
  /** What penalties see besides the rows. */
  readonly shared: TracedBatch & Pick<ForwardOutputs, 'hiddenStates' | 'referenceHiddenStates' | 'tagged'>;
}

/** Traces the model in training and, where a regularizer needs it, its safe reference. */
export function traceForward(settings: ForwardSettings, inputs: NamedTensors): TracedForward {
  const { model, trained, regularizers, recompute } = settings;
  const batch: TracedBatch = {
    tokenIds: inputs['tokenIds']!,
    tokenMask: inputs['tokenMask']!,
    tokenResponseMask: inputs['tokenResponseMask']!,
  };
  const edits = regularizers.filter(({ hidden }) => hidden !== undefined);
  const backbone = model.forward(batch.tokenIds, {
    ...trained,
    block: (trace, state) => checkpoint((before) => [trace(before)], [state], { recompute })[0]!,
    hidden: (state, layer) =>
      edits.reduce((current, regularizer) => regularizer.hidden!(current, layer, batch), state),
  });
  const referenceLayers = neededLayers(settings, 'referenceHiddenStates');
  const needsReference = regularizers.some(({ needs }) => needs?.referenceLogits) || referenceLayers.length > 0;
  const reference = needsReference ? model.forward(batch.tokenIds) : undefined;
  const pick = (states: readonly Tensor[], layers: readonly number[]) =>
    new Map(layers.map((layer) => [layer, states[layer]!]));
  return {
    pieces: rowPieces(settings, inputs, backbone.output, reference?.output),
    shared: {
      ...batch,
      hiddenStates: pick(backbone.states, neededLayers(settings, 'hiddenStates')),
      referenceHiddenStates: pick(reference?.states ?? [], referenceLayers),
      tagged: (tag) => {
        const mask = inputs[tagInput(tag)];
        if (mask !== undefined) return mask;
        throw new TrainOptionError('regularizers', `the tag '${tag}' is used but not declared in needs.tags`);
      },
    },
  };
}

function neededLayers(
  { model, regularizers }: ForwardSettings,
  need: 'hiddenStates' | 'referenceHiddenStates',
): number[] {
  const layers = regularizers.flatMap(({ needs }) => {
    const selection = needs?.[need];
    return selection === undefined ? [] : resolveLayers(selection, model.config.layerCount);
  });
  return [...new Set(layers)];
}

function rowPieces(
  { model, regularizers, pieces }: ForwardSettings,
  inputs: NamedTensors,
  output: Tensor,
  referenceOutput: Tensor | undefined,
): RowPiece[] {
  const { hiddenSize } = model.config;
  const extents = Array.from({ length: pieces }, (_, piece) => pieceExtent(piece));
  // One gather for all rows, then pieces: its gradient is scattered back once.
  const hiddenPieces = (states: Tensor): readonly Tensor[] =>
    split(gather(reshape(states, [multiplyDimensions('batch', 'seq'), hiddenSize]), inputs['rowIndex']!), 0, extents);
  const hidden = hiddenPieces(output);
  const needsLogits = regularizers.some(({ needs }) => needs?.referenceLogits);
  const referenceHidden = needsLogits ? hiddenPieces(referenceOutput!) : undefined;
  return hidden.map((rows, piece) => ({
    hidden: rows,
    referenceHidden: referenceHidden?.[piece],
    labels: inputs[pieceInput('labels', piece)]!,
    responseMask: inputs[pieceInput('responseMask', piece)]!,
    exampleOfRow: inputs[pieceInput('exampleOfRow', piece)]!,
  }));
}
