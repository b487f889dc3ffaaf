import {
  declaredOutputs,
  type ForwardOutputs,
  type Regularizer,
  tracedPenalty,
  tracedRowPenalty,
} from '@safetune/regularizers';
import {
  add,
  concatenate,
  crossEntropy,
  divide,
  input,
  maximum,
  multiply,
  type NamedTensors,
  sum,
  type Tensor,
  tensorsBehind,
  tensorType,
} from '@safetune/tensor';
import type { TracedPairLoss } from '../objectives/pair-objective.ts';
import type { ForwardSettings, RowPiece, TracedForward } from './forward.ts';
import {
  frozenHeadPieces,
  type PieceLoss,
  type PiecesLoss,
  plainPieces,
  trainedHeadPieces,
} from './head-pieces.ts';
import { tracePairLoss } from './pair-loss.ts';

/** The loss of a step, traced. */
export interface TracedLoss {
  /** `weight * (cross-entropy, or the loss of pairs) + sum of weight * penalty`: what is differentiated. */
  readonly objective: Tensor;
  /** Mean over the supervised tokens, by their weights; nats. */
  readonly crossEntropy: Tensor;
  /** Unweighted penalties by regularizer name. */
  readonly penalties: Readonly<Record<string, Tensor>>;
  /** With an objective over pairs, its loss. */
  readonly pairs?: TracedPairLoss;
}

/** Names of the inputs that weigh the terms. */
export const crossEntropyWeightInput = 'crossEntropyWeight';
export const pairsWeightInput = 'pairsWeight';
export const weightInput = (regularizer: string) => `weight:${regularizer}`;

/** A term that is a masked mean over rows: cross-entropy, or a penalty that can be had row by row. */
interface RowTerm {
  readonly name: string;
  /** Traced weight in the loss. */
  readonly weight: Tensor;
  rows(outputs: ForwardOutputs, piece: RowPiece): { readonly values: Tensor; readonly mask: Tensor };
}

/**
 * Traces the loss. Terms that are means over rows are computed piece by piece, each piece's logits dying before the
 * next one's are made: their gradient is taken at once, unless a penalty by row sees states of other layers.
 */
export function traceLoss(
  settings: ForwardSettings,
  traced: TracedForward,
  inputs: NamedTensors,
): TracedLoss {
  const rowTerms = penaltyTerms(settings);
  const terms: RowTerm[] = [
    {
      name: '',
      weight: inputs[crossEntropyWeightInput]!,
      rows: ({ logits, labels }, { lossWeight }) => ({
        values: crossEntropy(logits, labels),
        mask: lossWeight,
      }),
    },
    ...rowTerms.map((term) => ({ ...term, weight: inputs[weightInput(term.name)]! })),
  ];
  const rowLoss = traceRowTerms(settings, traced, terms);
  const pairs = settings.objective && tracePairLoss(settings.objective, settings, traced, inputs);
  let objective = pairs
    ? add(rowLoss.objective, multiply(pairs.value, inputs[pairsWeightInput]!))
    : rowLoss.objective;
  const penalties: Record<string, Tensor> = {};
  for (const regularizer of settings.regularizers) {
    const { name } = regularizer;
    const ofRows = rowLoss.means.get(name);
    if (ofRows !== undefined) penalties[name] = ofRows;
    else if (regularizer.penalty !== undefined) {
      const outputs = declaredOf(settings, regularizer, wholeOutputs(settings, traced));
      const penalty = tracedPenalty(regularizer, outputs);
      objective = add(objective, multiply(penalty, inputs[weightInput(name)]!));
      penalties[name] = penalty;
    }
  }
  return { objective, crossEntropy: rowLoss.means.get('')!, penalties, ...(pairs && { pairs }) };
}

/** The penalties that can be had row by row. */
function penaltyTerms(settings: ForwardSettings): Omit<RowTerm, 'weight'>[] {
  return settings.regularizers.flatMap((regularizer) =>
    regularizer.penaltyPerRow === undefined
      ? []
      : [
          {
            name: regularizer.name,
            rows: (outputs: ForwardOutputs) =>
              tracedRowPenalty(regularizer, declaredOf(settings, regularizer, outputs)),
          },
        ],
  );
}

function declaredOf(
  { model }: ForwardSettings,
  regularizer: Regularizer,
  outputs: ForwardOutputs,
): ForwardOutputs {
  return declaredOutputs(regularizer, outputs, model.config.layerCount);
}

/** What each penalty by row is a mean over, by name: the sum of its mask over all rows, a scalar. */
export function traceRowCounts(settings: ForwardSettings, traced: TracedForward): Record<string, Tensor> {
  return Object.fromEntries(
    penaltyTerms(settings).map((term) => [term.name, maskTotal(settings, traced, term)]),
  );
}

/** What a mean over no rows divides by, which then is 0; weights may well sum to less than 1. */
const leastTotal = 1e-12;

function traceRowTerms(
  settings: ForwardSettings,
  traced: TracedForward,
  terms: readonly RowTerm[],
): { objective: Tensor; means: ReadonlyMap<string, Tensor> } {
  const counts = terms.map((term) => maximum(maskTotal(settings, traced, term), leastTotal));
  const loss = (hidden: Tensor, index: number) => {
    const piece = { ...traced.pieces[index]!, hidden };
    const outputs = pieceOutputs(settings, traced, piece);
    const sums = terms.map((term) => {
      const { values: perRow, mask } = term.rows(outputs, piece);
      return sum(multiply(perRow, mask));
    });
    const value = terms
      .map(({ weight }, index) => multiply(divide(sums[index]!, counts[index]!), weight))
      .reduce(add);
    return { value, observed: sums };
  };
  const hidden = traced.pieces.map((piece) => piece.hidden);
  const { value: objective, observed } = tracePieces(settings, hidden, loss);
  const means = new Map(
    terms.map(({ name }, index) => [
      name,
      divide(observed.map((sums) => sums[index]!).reduce(add), counts[index]!),
    ]),
  );
  return { objective, means };
}

function tracePieces(settings: ForwardSettings, hidden: readonly Tensor[], loss: PieceLoss): PiecesLoss {
  const { regularizers } = settings;
  // A gradient taken at once reaches the rows and the head alone, not the states of other layers.
  const seesStates = regularizers.some(({ penaltyPerRow, needs }) => penaltyPerRow && needs?.hiddenStates);
  if (seesStates) return plainPieces(hidden, loss);
  const weights = headWeights(settings);
  if (weights.length === 0) return frozenHeadPieces(hidden, loss);
  if (hidden.length === 1) return plainPieces(hidden, loss);
  return trainedHeadPieces(hidden, weights, loss);
}

/** The trained tensors that the output layer uses. */
function headWeights({ model, trained, parameters }: ForwardSettings): Tensor[] {
  const rows = input('rows', tensorType('float32', ['rows', model.config.hiddenSize]));
  return tensorsBehind([model.head(rows, trained(0))], parameters);
}

/** Rows that a term counts, over all pieces. Its mask does not depend on the logits, so nothing large is computed. */
function maskTotal(settings: ForwardSettings, traced: TracedForward, term: Pick<RowTerm, 'rows'>): Tensor {
  const masks = traced.pieces.map((piece) => term.rows(pieceOutputs(settings, traced, piece), piece).mask);
  return masks.map((mask) => sum(mask)).reduce(add);
}

/** What a penalty sees of one piece of rows. */
function pieceOutputs(
  { model, trained }: ForwardSettings,
  { shared }: TracedForward,
  piece: RowPiece,
): ForwardOutputs {
  const { hidden, referenceHidden, labels, responseMask, exampleOfRow } = piece;
  return {
    ...shared,
    labels,
    responseMask,
    exampleOfRow,
    logits: model.head(hidden, trained(piece.piece)),
    ...(referenceHidden === undefined ? {} : { referenceLogits: model.head(referenceHidden) }),
  };
}

/** What a penalty sees that is no mean over rows: all rows at once. */
function wholeOutputs(settings: ForwardSettings, traced: TracedForward): ForwardOutputs {
  const [first, ...others] = traced.pieces as [RowPiece, ...RowPiece[]];
  const join = (field: Exclude<keyof RowPiece, 'piece'>) =>
    others.length === 0
      ? first[field]!
      : concatenate(
          traced.pieces.map((piece) => piece[field]!),
          0,
        );
  return pieceOutputs(settings, traced, {
    piece: others.length === 0 ? 0 : traced.pieces.length,
    hidden: join('hidden'),
    referenceHidden: first.referenceHidden === undefined ? undefined : join('referenceHidden'),
    labels: join('labels'),
    responseMask: join('responseMask'),
    lossWeight: join('lossWeight'),
    exampleOfRow: join('exampleOfRow'),
  });
}
