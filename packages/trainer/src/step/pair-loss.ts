import {
  add,
  checkpoint,
  crossEntropy,
  gather,
  multiply,
  type NamedTensors,
  negate,
  scatterAddRows,
  stopGradient,
  sum,
  type Tensor,
} from '@safetune/tensor';
import { pairInputs } from '../data/pair-inputs.ts';
import type { PairObjective, TracedPairLoss } from '../objectives/pair-objective.ts';
import type { ForwardSettings, RowPiece, TracedForward } from './forward.ts';

/** The loss of pairs, and what their answers have in common with other examples. */
export interface TracedAnswers extends TracedPairLoss {
  /** Negative log-likelihood of all targets, by their weights, a scalar; nats. */
  readonly negativeLogLikelihood: Tensor;
}

/**
 * Traces an objective over pairs: each answer's log-probability is a sum over rows of several pieces, so that no piece's gradient can
 * be taken at once. The logits of a piece are computed again for it instead.
 */
export function tracePairLoss(
  objective: PairObjective,
  { model, trained }: Pick<ForwardSettings, 'model' | 'trained'>,
  { pieces }: TracedForward,
  inputs: NamedTensors,
): TracedAnswers {
  const answers = (negativeOf: (piece: RowPiece) => Tensor): Tensor =>
    pieces
      .map((piece) =>
        scatterAddRows(negate(multiply(negativeOf(piece), piece.lossWeight)), piece.exampleOfRow, 'batch'),
      )
      .reduce(add);
  const present = answers(
    (piece) =>
      checkpoint(
        (rows) => [crossEntropy(model.head(rows, trained(piece.piece)), piece.labels)],
        [piece.hidden],
      )[0]!,
  );
  const reference = stopGradient(
    answers(({ referenceHidden, labels }) => crossEntropy(model.head(referenceHidden.get('base')!), labels)),
  );
  const [chosen, rejected] = [inputs[pairInputs.chosen]!, inputs[pairInputs.rejected]!];
  return {
    ...objective.loss({
      chosen: gather(present, chosen),
      rejected: gather(present, rejected),
      referenceChosen: gather(reference, chosen),
      referenceRejected: gather(reference, rejected),
    }),
    negativeLogLikelihood: negate(sum(present)),
  };
}
