import { type Batch, responsePositions, rowPositions } from '@safetune/datasets';
import {
  addDimensions,
  type Dimension,
  type HostArray,
  hostArray,
  type TensorType,
  tensorType,
} from '@safetune/tensor';

/** Which positions have a row of logits: those that predict a supervised token, or those that predict any. */
export type RowScope = 'response' | 'all';

/** How rows of logits are cut up for the head. */
export interface RowPieces {
  /** Pieces there are at most; the last takes what is left, trailing ones may be empty. */
  readonly count: number;
  /** Rows of every piece but the last. */
  readonly rows: number;
}

/** Extent of a piece's rows, a symbol. */
export const pieceExtent = (piece: number) => `rows${piece}`;

/** Name of an input of one piece of rows. */
export const pieceInput = (name: RowInput, piece: number) => `${name}.${piece}`;

const rowInputs = {
  labels: 'int64',
  responseMask: 'float32',
  positionInResponse: 'float32',
  lossWeight: 'float32',
  exampleOfRow: 'int64',
} as const;
export type RowInput = keyof typeof rowInputs;

/**
 * The inputs of a training graph that come from a batch. Rows of logits come in pieces.
 *
 * @param packed whether the network runs over the batch's examples packed into one row
 */
export function batchSignature(
  pieces: number,
  tags: readonly string[],
  packed = false,
): Record<string, TensorType> {
  const perToken = (dtype: 'int64' | 'float32') => tensorType(dtype, ['batch', 'seq']);
  const numbers = Array.from({ length: pieces }, (_, piece) => piece);
  return {
    tokenIds: perToken('int64'),
    tokenMask: perToken('float32'),
    tokenResponseMask: perToken('float32'),
    ...Object.fromEntries(
      numbers.flatMap((piece) =>
        Object.entries(rowInputs).map(([name, dtype]) => [
          pieceInput(name as RowInput, piece),
          tensorType(dtype, [pieceExtent(piece)]),
        ]),
      ),
    ),
    rowIndex: tensorType('int64', [numbers.map(pieceExtent).reduce<Dimension>(addDimensions, 0)]),
    ...(packed && {
      packedPlaces: tensorType('int64', ['batch', 'seq']),
      paddedPlaces: tensorType('int64', ['tokens']),
    }),
    ...Object.fromEntries(tags.map((tag) => [tagInput(tag), tensorType('float32', ['batch'])])),
  };
}

/** Name of the input that marks the examples carrying a tag. */
export function tagInput(tag: string): string {
  return `tag:${tag}`;
}

/** A batch as host arrays for {@link batchSignature}. */
export function batchInputs(
  batch: Batch,
  scope: RowScope,
  pieces: RowPieces,
  tags: readonly string[],
  packed = false,
): Record<string, HostArray> {
  const { size, length } = batch;
  const tokenMask = new Float32Array(size * length);
  for (let example = 0; example < size; example++) {
    tokenMask.fill(1, example * length, example * length + batch.lengths[example]!);
  }
  const positions = rowPositions(batch, scope);
  const places = packed ? packedPlaces(batch) : undefined;
  const lossWeights = batch.lossWeights ?? batch.responseMask;
  const inResponse = responsePositions(batch);
  const integers = (values: readonly number[]) =>
    hostArray(BigInt64Array.from(values, BigInt), [values.length]);
  const ofNext = (rows: readonly number[], values: ArrayLike<number>) =>
    hostArray(
      Float32Array.from(rows, (position) => values[position + 1]!),
      [rows.length],
    );
  const ofPiece = (piece: number): Record<string, HostArray> => {
    const end = piece === pieces.count - 1 ? undefined : (piece + 1) * pieces.rows;
    const rows = positions.slice(piece * pieces.rows, end);
    return {
      [pieceInput('labels', piece)]: integers(rows.map((position) => batch.tokenIds[position + 1]!)),
      [pieceInput('responseMask', piece)]: ofNext(rows, batch.responseMask),
      [pieceInput('positionInResponse', piece)]: ofNext(rows, inResponse),
      [pieceInput('lossWeight', piece)]: ofNext(rows, lossWeights),
      [pieceInput('exampleOfRow', piece)]: integers(rows.map((position) => Math.floor(position / length))),
    };
  };
  return {
    tokenIds: hostArray(BigInt64Array.from(batch.tokenIds, BigInt), [size, length]),
    tokenMask: hostArray(tokenMask, [size, length]),
    tokenResponseMask: hostArray(Float32Array.from(batch.responseMask), [size, length]),
    rowIndex: integers(places ? positions.map((position) => places.packed[position]!) : positions),
    ...(places && {
      packedPlaces: hostArray(BigInt64Array.from(places.packed, BigInt), [size, length]),
      paddedPlaces: integers([...places.padded]),
    }),
    ...Object.assign({}, ...Array.from({ length: pieces.count }, (_, piece) => ofPiece(piece))),
    ...Object.fromEntries(
      tags.map((tag) => [
        tagInput(tag),
        hostArray(
          Float32Array.from(batch.examples, ({ tags: carried }) => (carried.includes(tag) ? 1 : 0)),
          [size],
        ),
      ]),
    ),
  };
}

/** Where the tokens of a batch lie when its examples stand one behind the other, without padding. */
export interface PackedPlaces {
  /** [size * length]: of each place of the padded batch, that in the packed row; 0 at padding. */
  readonly packed: Int32Array;
  /** [tokens]: the other way round. */
  readonly padded: Int32Array;
}

/** The examples of a batch in one row, in their order. */
export function packedPlaces({ size, length, lengths }: Batch): PackedPlaces {
  const packed = new Int32Array(size * length);
  const padded = new Int32Array(sumOf(lengths));
  let place = 0;
  for (let example = 0; example < size; example++) {
    for (let token = 0; token < lengths[example]!; token++, place++) {
      padded[place] = example * length + token;
      packed[example * length + token] = place;
    }
  }
  return { packed, padded };
}

/** Tokens of a batch, padding not counted. */
export function tokenCount({ lengths }: Batch): number {
  return sumOf(lengths);
}

/** Supervised tokens of a batch: the targets its cross-entropy is averaged over. */
export function supervisedTokens({ responseMask }: Batch): number {
  return sumOf(responseMask);
}

/** What a batch's cross-entropy is divided by: the weights of its targets, which are 1 but where the data says otherwise. */
export function totalLossWeight({ lossWeights, responseMask }: Batch): number {
  return sumOf(lossWeights ?? responseMask);
}

/** What the loss of a batch's task is a mean over: pairs, or the weights of its targets. */
export function taskCount(batch: Batch): number {
  return batch.isPaired ? batch.size / 2 : totalLossWeight(batch);
}

function sumOf(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
