import { type Batch, responsePositions, rowPositions } from '@safetune/datasets';
import { RegularizerOptionError } from '../errors.ts';
import { checkChoice } from '../interface/options.ts';
import type { RegularizerNeeds } from '../interface/regularizer.ts';
import type { PlainArray } from './plain-array.ts';

/** What {@link rowsOf} reads of a batch: one of `padBatch` and `batchExamples`, or your own, padded on the right. */
export interface TokenBatch
  extends Pick<Batch, 'size' | 'length' | 'tokenIds' | 'lengths' | 'responseMask' | 'lossWeights'> {
  /** [size], the tags of each example. Needed where tags are asked for. */
  readonly examples?: readonly { readonly tags: readonly string[] }[];
}

/** A batch as penalties take it, besides what the model computes: spread it into {@link CompiledPenalty.run}. */
export interface BatchRows {
  /** [rows], places in the flattened [size, length] whose logits are the rows, in order. */
  readonly positions: readonly number[];
  /** [rows], the next token. */
  readonly labels: PlainArray;
  /** [rows], 1 where the next token is a supervised one. */
  readonly responseMask: PlainArray;
  /** [rows], the weight of the row's loss in the mean: that of the next token in the batch's `lossWeights`, else `responseMask`. */
  readonly lossWeight: PlainArray;
  /** [rows], 1 where the next token is the first of an answer, then 2, 3, ...; 0 where it is none of an answer. */
  readonly positionInResponse: PlainArray;
  /** [rows], the number of the row's example in the batch. */
  readonly exampleOfRow: PlainArray;
  /** [size, length] */
  readonly tokenIds: PlainArray;
  /** [size, length], 1 for tokens, 0 for padding. */
  readonly tokenMask: PlainArray;
  /** [size, length], 1 where the token is a supervised one. */
  readonly tokenResponseMask: PlainArray;
  /** By tag, [size], 1 for examples that carry it. */
  readonly tagged: Readonly<Record<string, PlainArray>>;
}

/**
 * The rows of logits that a batch has, with labels, masks and example numbers.
 *
 * @param needs - a regularizer's: `rows` says which places have a row (default those that predict a supervised token), `tags` which
 *   tags it tells apart.
 * @throws RegularizerOptionError for other `rows`, or when tags are asked for and the batch has no examples.
 *
 * @example
 * const rows = rowsOf(batch, safeguard.needs);
 * const logits = gather(yourLogits, rows.positions); // [rows, vocabulary], of both models, in your framework
 * await penalty.run({ ...rows, logits, referenceLogits });
 */
export function rowsOf(
  batch: TokenBatch,
  { rows: which = 'response', tags = [] }: Pick<RegularizerNeeds, 'rows' | 'tags'> = {},
): BatchRows {
  const { size, length, tokenIds, lengths, responseMask, examples } = batch;
  const lossWeights = batch.lossWeights ?? responseMask;
  checkChoice('rowsOf', 'rows', which, ['response', 'all']);
  if (tags.length > 0 && examples === undefined)
    throw new RegularizerOptionError(
      'rowsOf',
      `the batch has no examples, of which to tell the tag '${tags[0]}'`,
    );
  const positions = rowPositions(batch, which);
  const inResponse = responsePositions(batch);
  const perRow = (value: (position: number) => number) => plain(positions.map(value), [positions.length]);
  const perToken = (value: (token: number) => number) =>
    plain(
      Float32Array.from(tokenIds, (_, token) => value(token)),
      [size, length],
    );
  return {
    positions,
    labels: perRow((position) => tokenIds[position + 1]!),
    responseMask: perRow((position) => responseMask[position + 1]!),
    lossWeight: perRow((position) => lossWeights[position + 1]!),
    positionInResponse: perRow((position) => inResponse[position + 1]!),
    exampleOfRow: perRow((position) => Math.floor(position / length)),
    tokenIds: plain(tokenIds, [size, length]),
    tokenMask: perToken((token) => (token % length < lengths[Math.floor(token / length)]! ? 1 : 0)),
    tokenResponseMask: perToken((token) => responseMask[token]!),
    tagged: Object.fromEntries(
      tags.map((tag) => [
        tag,
        plain(
          examples!.map((example) => (example.tags.includes(tag) ? 1 : 0)),
          [size],
        ),
      ]),
    ),
  };
}

function plain(data: ArrayLike<number>, shape: readonly number[]): PlainArray {
  return { data, shape };
}
