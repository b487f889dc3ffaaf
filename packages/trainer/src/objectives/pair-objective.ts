import type { Tensor } from '@safetune/tensor';

/**
 * What a run learns from pairs of answers, in the place of the cross-entropy. It sees log-probabilities of whole answers, not rows,
 * so that the output layer's memory is the trainer's matter.
 */
export interface PairObjective {
  /** Traces the loss of a batch of pairs. */
  loss(pairs: PairLogProbabilities): TracedPairLoss;
}

/** Sums of log-probabilities over the targets of each answer, by their weights where the data gives any, nats; all [pairs] float32. */
export interface PairLogProbabilities {
  readonly chosen: Tensor;
  readonly rejected: Tensor;
  /** The same in the model without the adapter; no gradient reaches them. */
  readonly referenceChosen: Tensor;
  readonly referenceRejected: Tensor;
}

/** A loss, and what is told beside it. */
export interface TracedPairLoss {
  /** Mean over the pairs, a scalar. */
  readonly value: Tensor;
  /** Means over the pairs by name, scalars: told with each step. */
  readonly measures: Readonly<Record<string, Tensor>>;
}
