import { permute, seededDraws } from './random.ts';
import type { TokenizedExample } from './response-mask.ts';
import { requireInteger, type Source } from './stream.ts';

/** Examples side by side, padded on the right to one length; row-major, row `i` holds example `i`. */
export interface Batch {
  /** Number of examples. */
  readonly size: number;
  /** Tokens of a row, padding included. */
  readonly length: number;
  /** [size, length] */
  readonly tokenIds: Int32Array;
  /** [size], tokens of each row without its padding. */
  readonly lengths: Int32Array;
  /** [size, length], 1 where the token is a target; 0 on padding. */
  readonly responseMask: Uint8Array;
  readonly examples: readonly TokenizedExample[];
}

/** How rows are filled up. */
export interface PaddingOptions {
  readonly padTokenId: number;
  /** The batch's length is rounded up to a multiple of this, so that fewer shapes occur. Default 1. */
  readonly padToMultipleOf?: number;
}

/** Options of {@link batchExamples}. */
export interface BatchOptions extends PaddingOptions {
  /** Examples of a batch. */
  readonly batchSize: number;
  /**
   * Length buckets: this many batches are read at once, sorted by length, cut, and given out in an order drawn from the
   * seed. Larger wastes less on padding and moves examples further from their place in the stream. Default 8; 1 keeps
   * the stream's order, and with it the exact spread of interleaved examples.
   */
  readonly bucketWindow?: number;
  readonly seed: number;
  /** Whether the examples left over at the end, too few for a whole batch, are dropped. Default false. */
  readonly dropLast?: boolean;
}

/**
 * One batch of the given examples, in their order.
 *
 * @throws {@link DatasetOptionError} when there are no examples, or for an option outside its range.
 */
export function padBatch(
  examples: readonly TokenizedExample[],
  { padTokenId, padToMultipleOf = 1 }: PaddingOptions,
): Batch {
  requireInteger('examples.length', examples.length, 1);
  requireInteger('padTokenId', padTokenId, 0);
  requireInteger('padToMultipleOf', padToMultipleOf, 1);
  const lengths = Int32Array.from(examples, (example) => example.tokenIds.length);
  const size = examples.length;
  const length = Math.ceil(Math.max(...lengths) / padToMultipleOf) * padToMultipleOf;
  const tokenIds = new Int32Array(size * length).fill(padTokenId);
  const responseMask = new Uint8Array(size * length);
  for (const [row, example] of examples.entries()) {
    tokenIds.set(example.tokenIds, row * length);
    responseMask.set(example.responseMask, row * length);
  }
  return { size, length, tokenIds, lengths, responseMask, examples };
}

/**
 * Streams batches in length buckets. Every example lands in exactly one batch, and the batches are a pure function of
 * the source and the options. All but the last batch have `batchSize` examples. Compose it after {@link repeatEpochs} and
 * a stream without end gives batches without end, some of them across the border of two epochs.
 *
 * @throws {@link DatasetOptionError} for an option outside its range, at once.
 */
export function batchExamples(
  source: Source<TokenizedExample>,
  options: BatchOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { batchSize, bucketWindow = 8, seed, padTokenId, padToMultipleOf = 1 } = options;
  requireInteger('batchSize', batchSize, 1);
  requireInteger('bucketWindow', bucketWindow, 1);
  requireInteger('padTokenId', padTokenId, 0);
  requireInteger('padToMultipleOf', padToMultipleOf, 1);
  seededDraws(seed);
  return streamBatches(source, { ...options, bucketWindow });
}

async function* streamBatches(
  source: Source<TokenizedExample>,
  options: BatchOptions & { readonly bucketWindow: number },
): AsyncGenerator<Batch, void, undefined> {
  const { batchSize, bucketWindow, seed, dropLast = false } = options;
  let windowIndex = 0;
  let examples: TokenizedExample[] = [];
  for await (const example of source) {
    examples.push(example);
    if (examples.length < batchSize * bucketWindow) continue;
    for (const bucket of cutWindow(examples, options, windowIndex)) yield padBatch(bucket, options);
    examples = [];
    windowIndex += 1;
  }
  // Left-overs go by their place in the stream, not by length, lest the longest examples always be dropped.
  const whole = examples.length - (examples.length % batchSize);
  const kept = dropLast ? examples.slice(0, whole) : examples;
  for (const bucket of cutWindow(kept, { batchSize, bucketWindow, seed }, windowIndex)) {
    yield padBatch(bucket, options);
  }
}

function cutWindow(
  examples: readonly TokenizedExample[],
  { batchSize, bucketWindow = 1, seed }: Pick<BatchOptions, 'batchSize' | 'bucketWindow' | 'seed'>,
  windowIndex: number,
): TokenizedExample[][] {
  const ordered =
    bucketWindow === 1 ? examples : examples.toSorted((a, b) => a.tokenIds.length - b.tokenIds.length);
  const buckets: TokenizedExample[][] = [];
  for (let from = 0; from < ordered.length; from += batchSize)
    buckets.push(ordered.slice(from, from + batchSize));
  const incomplete = (buckets.at(-1)?.length ?? batchSize) < batchSize ? buckets.splice(-1) : [];
  return [...permute(buckets, seededDraws(seed, windowIndex)), ...incomplete];
}
