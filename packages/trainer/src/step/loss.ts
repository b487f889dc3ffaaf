import {
  declaredOutputs,
  type ForwardOutputs,
  type Regularizer,
  tracedPenalty,
  tracedRowPenalty,
  tracedTaskLoss,
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
import { referenceOf } from './references.ts';

/** The loss of a step, traced. */
export interface TracedLoss {
  /** `weight * loss of the task + sum of weight * penalty`: what is differentiated. The task's is one of those below. */
  readonly objective: Tensor;
  /** Mean over the supervised tokens, by their weights; nats. */
  readonly crossEntropy: Tensor;
  /** The same mean of what regularizers put in the place of each row's cross-entropy, where any does. */
  readonly taskLoss?: Tensor;
  /** Unweighted penalties by regularizer name. */
  readonly penalties: Readonly<Record<string, Tensor>>;
  /** With an objective over pairs, its loss. */
  readonly pairs?: TracedPairLoss;
}

/** Names of the inputs that weigh the terms. */
export const crossEntropyWeightInput = 'crossEntropyWeight';
export const taskLossWeightInput = 'taskLossWeight';
export const pairsWeightInput = 'pairsWeight';
export const weightInput = (regularizer: string) => `weight:${regularizer}`;

/** A term that is a masked mean over rows: cross-entropy, what takes its place, or a penalty that can be had row by row. */
interface RowTerm {
  readonly name: string;
  /** Traced weight in the loss. */
  readonly weight: Tensor;
  /** @param perRow [rows], the cross-entropy of each */
  rows(
    outputs: RowOutputs,
    piece: RowPiece,
    perRow: Tensor,
  ): { readonly values: Tensor; readonly mask: Tensor };
}

/** What a forward pass gives for some rows. */
interface RowOutputs extends Pick<ForwardOutputs, 'logits' | 'labels'> {
  /** All that a regularizer may see, beside a reference of this name. */
  beside(reference: string): ForwardOutputs;
}

/** Names of terms that are no regularizer's, which has one that is not empty. */
const crossEntropyTerm = '';
const taskTerm = ' ';

/**
 * Traces the loss. Terms that are means over rows are computed piece by piece, each piece's logits dying before the
 * next one's are made: their gradient is taken at once, unless a penalty by row sees states of other layers.
 */
export function traceLoss(
  settings: ForwardSettings,
  traced: TracedForward,
  inputs: NamedTensors,
): TracedLoss {
  const pairs = settings.objective && tracePairLoss(settings.objective, settings, traced, inputs);
  const terms: RowTerm[] = [
    // Pairs have taken the output layer over these rows already.
    ...(pairs === undefined ? taskTerms(settings, inputs) : []),
    ...penaltyTerms(settings).map((term) => ({ ...term, weight: inputs[weightInput(term.name)]! })),
  ];
  const rowLoss = terms.length === 0 ? undefined : traceRowTerms(settings, traced, terms);
  const means = rowLoss?.means ?? new Map<string, Tensor>();
  const meanCrossEntropy =
    pairs === undefined
      ? means.get(crossEntropyTerm)!
      : divide(pairs.negativeLogLikelihood, weightTotal(traced));
  let objective = [
    rowLoss?.objective,
    pairs && multiply(pairs.value, inputs[pairsWeightInput]!),
    pairs && multiply(meanCrossEntropy, inputs[crossEntropyWeightInput]!),
  ]
    .filter((value) => value !== undefined)
    .reduce(add);
  const penalties: Record<string, Tensor> = {};
  for (const regularizer of settings.regularizers) {
    const { name } = regularizer;
    const ofRows = means.get(name);
    if (ofRows !== undefined) penalties[name] = ofRows;
    else if (regularizer.penalty !== undefined) {
      const outputs = declaredOf(settings, regularizer, wholeOutputs(settings, traced));
      const penalty = tracedPenalty(regularizer, outputs);
      objective = add(objective, multiply(penalty, inputs[weightInput(name)]!));
      penalties[name] = penalty;
    }
  }
  const taskLoss = means.get(taskTerm);
  return {
    objective,
    crossEntropy: meanCrossEntropy,
    ...(taskLoss && { taskLoss }),
    penalties,
    ...(pairs && { pairs }),
  };
}

/** The cross-entropy, and what regularizers make of it, one after the other. */
function taskTerms(settings: ForwardSettings, inputs: NamedTensors): RowTerm[] {
  const changing = settings.regularizers.filter(({ taskLossPerRow }) => taskLossPerRow);
  const plain: RowTerm = {
    name: crossEntropyTerm,
    weight: inputs[crossEntropyWeightInput]!,
    rows: (_outputs, { lossWeight }, perRow) => ({ values: perRow, mask: lossWeight }),
  };
  if (changing.length === 0) return [plain];
  const changed: RowTerm = {
    name: taskTerm,
    weight: inputs[taskLossWeightInput]!,
    rows: (outputs, { lossWeight }, perRow) => ({
      values: changing.reduce(
        (loss, regularizer) => tracedTaskLoss(regularizer, loss, declaredOf(settings, regularizer, outputs)),
        perRow,
      ),
      mask: lossWeight,
    }),
  };
  return [plain, changed];
}

/** The penalties that can be had row by row. */
function penaltyTerms(settings: ForwardSettings): Omit<RowTerm, 'weight'>[] {
  return settings.regularizers.flatMap((regularizer) =>
    regularizer.penaltyPerRow === undefined
      ? []
      : [
          {
            name: regularizer.name,
            rows: (outputs: RowOutputs) =>
              tracedRowPenalty(regularizer, declaredOf(settings, regularizer, outputs)),
          },
        ],
  );
}

function declaredOf(
  { model }: ForwardSettings,
  regularizer: Regularizer,
  outputs: RowOutputs,
): ForwardOutputs {
  return declaredOutputs(regularizer, outputs.beside(referenceOf(regularizer)), model.config.layerCount);
}

/** What each penalty by row is a mean over, by name: the sum of its mask over all rows, a scalar. */
export function traceRowCounts(settings: ForwardSettings, traced: TracedForward): Record<string, Tensor> {
  return Object.fromEntries(
    penaltyTerms(settings).map((term) => [term.name, maskTotal(settings, traced, term)]),
  );
}

/** What a mean over no rows divides by, which then is 0; weights may well sum to less than 1. */
const leastTotal = 1e-12;

/** What the mean of the cross-entropy divides by. */
function weightTotal({ pieces }: TracedForward): Tensor {
  return maximum(pieces.map(({ lossWeight }) => sum(lossWeight)).reduce(add), leastTotal);
}

function traceRowTerms(
  settings: ForwardSettings,
  traced: TracedForward,
  terms: readonly RowTerm[],
): { objective: Tensor; means: ReadonlyMap<string, Tensor> } {
  const counts = terms.map((term) => maximum(maskTotal(settings, traced, term), leastTotal));
  const loss = (hidden: Tensor, index: number) => {
    const piece = { ...traced.pieces[index]!, hidden };
    const outputs = pieceOutputs(settings, traced, piece);
    const perRow = crossEntropy(outputs.logits, outputs.labels);
    const sums = terms.map((term) => {
      const { values, mask } = term.rows(outputs, piece, perRow);
      return sum(multiply(values, mask));
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
  const seesStates = regularizers.some(
    ({ penaltyPerRow, taskLossPerRow, needs }) => (penaltyPerRow ?? taskLossPerRow) && needs?.hiddenStates,
  );
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
  const masks = traced.pieces.map((piece) => {
    const outputs = pieceOutputs(settings, traced, piece);
    return term.rows(outputs, piece, crossEntropy(outputs.logits, outputs.labels)).mask;
  });
  return masks.map((mask) => sum(mask)).reduce(add);
}

/** What penalties see of one piece of rows. */
function pieceOutputs(
  { model, trained, references }: ForwardSettings,
  { shared, referenceStates }: TracedForward,
  piece: RowPiece,
): RowOutputs {
  const { hidden, referenceHidden, labels, responseMask, positionInResponse, exampleOfRow } = piece;
  const own = {
    ...shared,
    labels,
    responseMask,
    positionInResponse,
    exampleOfRow,
    logits: model.head(hidden, trained(piece.piece)),
  };
  const known = new Map<string, ForwardOutputs>();
  return {
    logits: own.logits,
    labels,
    beside(name) {
      const reference = references.find((each) => each.name === name);
      const rows = referenceHidden.get(name);
      // Those who share a reference share its logits.
      const outputs = known.get(name) ?? {
        ...own,
        referenceHiddenStates: referenceStates.get(name) ?? new Map(),
        ...(rows && reference && { referenceLogits: reference.model.head(rows, reference.adapted) }),
      };
      known.set(name, outputs);
      return outputs;
    },
  };
}

/** What a penalty sees that is no mean over rows: all rows at once. */
function wholeOutputs(settings: ForwardSettings, traced: TracedForward): RowOutputs {
  const [first, ...others] = traced.pieces as [RowPiece, ...RowPiece[]];
  const joined = (part: (piece: RowPiece) => Tensor) =>
    others.length === 0 ? part(first) : concatenate(traced.pieces.map(part), 0);
  const join = (field: Exclude<keyof RowPiece, 'piece' | 'referenceHidden'>) =>
    joined((piece) => piece[field]);
  return pieceOutputs(settings, traced, {
    piece: others.length === 0 ? 0 : traced.pieces.length,
    hidden: join('hidden'),
    referenceHidden: new Map(
      [...first.referenceHidden.keys()].map((name) => [
        name,
        joined(({ referenceHidden }) => referenceHidden.get(name)!),
      ]),
    ),
    labels: join('labels'),
    responseMask: join('responseMask'),
    positionInResponse: join('positionInResponse'),
    lossWeight: join('lossWeight'),
    exampleOfRow: join('exampleOfRow'),
  });
}
