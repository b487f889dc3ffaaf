import {
  add,
  after,
  customGradient,
  type EagerValue,
  eagerGradient,
  multiply,
  pullBack,
  scalar,
  slice,
  stopGradient,
  type Tensor,
} from '@safetune/tensor';

/** Traces the loss of one piece of rows from its hidden states [rows, hidden]: a scalar, and values to look at. */
export type PieceLoss = (hidden: Tensor, piece: number) => EagerValue;

/** The losses of all pieces, traced. */
export interface PiecesLoss {
  /** Their sum. */
  readonly value: Tensor;
  /** What each piece shows, in the order of the pieces. */
  readonly observed: readonly (readonly Tensor[])[];
}

/** Pieces whose gradients are left to the backward pass, until which all their logits live. */
export function plainPieces(pieces: readonly Tensor[], loss: PieceLoss): PiecesLoss {
  return sumOf(pieces.map((hidden, index) => loss(hidden, index)));
}

/** Pieces that run one after another, the gradient of each with respect to its rows taken at once. */
export function frozenHeadPieces(pieces: readonly Tensor[], loss: PieceLoss): PiecesLoss {
  const losses: EagerValue[] = [];
  for (const [index, hidden] of pieces.entries()) {
    const earlier = losses.slice(-1).map(({ value }) => value);
    losses.push(eagerGradient((rows) => loss(rows, index), hidden, earlier));
  }
  return sumOf(losses);
}

/**
 * The same where the head is trained: its gradients are added up piece by piece, so that of each weight two and their sum
 * exist at a time. All else that the loss captures is constant, as for {@link eagerGradient}.
 *
 * @param weights the trained tensors of the head
 */
export function trainedHeadPieces(
  pieces: readonly Tensor[],
  weights: readonly Tensor[],
  loss: PieceLoss,
): PiecesLoss {
  const losses: EagerValue[] = [];
  const ofPieces: Tensor[] = [];
  let ofWeights: readonly Tensor[] = [];
  let earlier: readonly Tensor[] = [];
  for (const [index, hidden] of pieces.entries()) {
    // Tied weights are behind the rows as well: that part of their gradient is not the head's.
    const rows = stopGradient(after(hidden, earlier));
    const found = loss(rows, index);
    const cotangent = { output: found.value, gradient: after(scalar(1), [found.value]) };
    const [ofRows, ...ofThese] = pullBack([cotangent], [rows, ...weights]);
    ofWeights = ofThese.map((gradient, at) => (index === 0 ? gradient : add(ofWeights[at]!, gradient)));
    losses.push(found);
    ofPieces.push(ofRows!);
    // One row of a gradient stands for all: waiting for the whole would take another pass over it.
    earlier = [ofRows!, ...ofWeights.map((gradient) => slice(gradient, 0, 0, 1))];
  }
  const { value, observed } = sumOf(losses);
  const total = after(value, earlier);
  return {
    value: customGradient('trainedHead', [...pieces, ...weights], () => ({
      value: stopGradient(total),
      gradient: (ofValue) => [...ofPieces, ...ofWeights].map((gradient) => multiply(ofValue, gradient)),
    })),
    observed,
  };
}

function sumOf(losses: readonly EagerValue[]): PiecesLoss {
  return {
    value: losses.map(({ value }) => value).reduce(add),
    observed: losses.map(({ observed }) => observed),
  };
}
