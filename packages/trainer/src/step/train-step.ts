import type { Batch } from '@safetune/datasets';
import type { DropoutDraw } from '@safetune/lora';
import type { CausalLm } from '@safetune/models';
import type { Regularizer } from '@safetune/regularizers';
import type { Recomputation, RuntimeOptions } from '@safetune/tensor';
import type { RowPieces } from '../data/batch-inputs.ts';
import type { ObjectiveConfig } from '../objectives/config.ts';
import type { FrozenParts } from './frozen-parts.ts';
import type { Trainable } from './trainable.ts';

export interface TrainStepOptions {
  readonly model: CausalLm;
  readonly trainable: Trainable;
  readonly regularizers?: readonly Regularizer[];
  /** What the regularizers bring along, opened; `plan` needs it given. Default: it is opened here. */
  readonly frozenParts?: FrozenParts;
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
  /**
   * Runs the network over a batch's examples packed into one row, without padding; each attends to itself alone, from position
   * 0, and regularizers see every example by itself. The same loss and gradients in less time where examples differ in length.
   * Default false, as is a run's 'auto': a step knows no examples.
   */
  readonly packing?: boolean | 'auto';
  /**
   * What is learned from pairs of answers: `{ type: 'dpo', beta: 0.1 }`, against the model without the adapter. Default: the
   * cross-entropy of the targets, of examples that are no pairs.
   */
  readonly objective?: ObjectiveConfig;
  readonly runtime?: RuntimeOptions;
}

/** Values of one forward pass, before weighting; penalties by regularizer name. */
export interface LossTerms {
  /** weight of the task * (cross-entropy, or `taskLoss`, or the loss of pairs) + sum of weight * penalty */
  readonly loss: number;
  /** Mean negative log-likelihood of the supervised tokens, nats. */
  readonly crossEntropy: number;
  /** The same mean of what regularizers put in the place of each token's cross-entropy (their `taskLossPerRow`), where any does. */
  readonly taskLoss?: number;
  readonly penalties: Readonly<Record<string, number>>;
  /** With an objective over pairs: its `loss`, and what it measures beside that, means over the pairs. */
  readonly pairs?: Readonly<Record<string, number>> & { readonly loss: number };
}

/** How a step runs over one batch. */
export interface StepRunOptions {
  /** Factor on the loss of the task: cross-entropy, or what takes its place. Default 1 */
  readonly taskWeight?: number;
  /** Whether the batch is of anchors: examples with one answer and the cross-entropy as its loss, whatever is trained. Default false */
  readonly isAnchor?: boolean;
  /** Decides what dropout drops and what noise there is. Default: the same each time */
  readonly draw?: DropoutDraw;
}

/** Forward, loss, penalties and backward of one batch as ONE compiled graph; made by `compileTrainStep`. */
export interface TrainStep {
  /** What it was compiled for: its values are read anew at each run. */
  readonly trainable: Trainable;
  /** Gradient of the last run's loss, in the order of the trainable's flat buffer. */
  readonly gradients: Float32Array;
  /**
   * Computes the loss terms of a batch and writes the gradient of their weighted sum.
   *
   * @param weights lambda of each regularizer that has a penalty, by name. Default 1
   */
  run(batch: Batch, weights?: Readonly<Record<string, number>>, options?: StepRunOptions): Promise<LossTerms>;
  /**
   * Cross-entropy of a batch in the model as it will be used: without dropout, noise, steering and penalties. Leaves the
   * gradients as they are. The first call of a whole step compiles the forward pass by itself.
   */
  evaluate(batch: Batch): Promise<number>;
  release(): Promise<void>;
}
