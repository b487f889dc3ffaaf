import { DatasetOptionError, EmptyDatasetError } from '../errors.ts';
import type { TokenizedExample } from '../masks/response-mask.ts';
import { requireInteger, requireKnownOptions } from '../options.ts';
import { permute, seededDraws } from '../random.ts';
import { epochOf } from '../streams/epochs.ts';
import type { Source } from '../streams/stream.ts';

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
  /** [size, length], of the loss of each target; 0 where there is none. Missing where every target weighs 1. */
  readonly lossWeights?: Float32Array;
  /** Whether rows 2i and 2i + 1 are the better and the worse answer to one prompt. Missing where they are not. */
  readonly isPaired?: true;
  /** [size], of each row. */
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
   * Length buckets: this many batches of one epoch are read at once, sorted by length, cut, and given out in an order drawn
   * from the seed. Larger wastes less on padding and moves examples further from their place in the stream. Default 8; 1 keeps
   * the stream's order, and with it the exact spread of interleaved examples.
   */
  readonly bucketWindow?: number;
  readonly seed: number;
  /** Whether the examples left over at the end of an epoch, too few for a whole batch, are dropped. Default false. */
  readonly dropLast?: boolean;
}

/**
 * One batch of the given examples, in their order; a pair makes two rows.
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
  const isPaired = examples.some((example) => example.rejected !== undefined);
  const rows = isPaired ? examples.flatMap(answersOf) : examples;
  const lengths = Int32Array.from(rows, (example) => example.tokenIds.length);
  const size = rows.length;
  const length = Math.ceil(Math.max(...lengths) / padToMultipleOf) * padToMultipleOf;
  const tokenIds = new Int32Array(size * length).fill(padTokenId);
  const responseMask = new Uint8Array(size * length);
  for (const [row, example] of rows.entries()) {
    tokenIds.set(example.tokenIds, row * length);
    responseMask.set(example.responseMask, row * length);
  }
  const lossWeights = weightsOf(rows, responseMask, length);
  return {
    ...{ size, length, tokenIds, lengths, responseMask },
    ...(lossWeights && { lossWeights }),
    ...(isPaired && { isPaired }),
    examples: rows,
  };
}

/** The better answer and the worse one, side by side. */
function answersOf(example: TokenizedExample): readonly [TokenizedExample, TokenizedExample] {
  const { rejected, ...chosen } = example;
  if (rejected !== undefined) return [chosen, rejected];
  throw new DatasetOptionError(
    'examples',
    describeOriginOf(example),
    'a pair of answers, as others of its batch are',
  );
}

function describeOriginOf({ origin }: TokenizedExample): string {
  return origin === undefined ? 'one answer' : `${origin.file}:${origin.line}`;
}

function weightsOf(
  examples: readonly TokenizedExample[],
  responseMask: Uint8Array,
  length: number,
): Float32Array | undefined {
  if (examples.every((example) => example.lossWeights === undefined)) return undefined;
  const weights = Float32Array.from(responseMask);
  for (const [row, example] of examples.entries())
    if (example.lossWeights) weights.set(example.lossWeights, row * length);
  return weights;
}

/**
 * Streams batches in length buckets. Every example lands in exactly one batch, and the batches are a pure function of
 * the source and the options. An example that comes more than once (in a small pool that is walked again) comes once in a
 * batch where its window leaves a choice.
 *
 * Over {@link repeatEpochs} no batch holds examples of two epochs: all but the last of an epoch have `batchSize` examples. The
 * streams of this package tell their epochs; one of your own tells those of its source by {@link withEpochsOf}, else the whole
 * stream counts as one epoch.
 *
 * @throws {@link DatasetOptionError} for an option outside its range, at once; {@link EmptyDatasetError} when `dropLast` drops
 * a whole epoch.
 */
export function batchExamples(
  source: Source<TokenizedExample>,
  options: BatchOptions,
): AsyncGenerator<Batch, void, undefined> {
  requireKnownOptions('batchExamples', options, optionNames);
  const { batchSize, bucketWindow = 8, seed, padTokenId, padToMultipleOf = 1 } = options;
  requireInteger('batchSize', batchSize, 1);
  requireInteger('bucketWindow', bucketWindow, 1);
  requireInteger('padTokenId', padTokenId, 0);
  requireInteger('padToMultipleOf', padToMultipleOf, 1);
  seededDraws(seed);
  return streamBatches(source, { ...options, bucketWindow });
}

const optionNames = ['batchSize', 'bucketWindow', 'seed', 'dropLast', 'padTokenId', 'padToMultipleOf'];

async function* streamBatches(
  source: Source<TokenizedExample>,
  options: BatchOptions & { readonly bucketWindow: number },
): AsyncGenerator<Batch, void, undefined> {
  let windowIndex = 0;
  let isEpochEmpty = true;
  for await (const { examples, isLast } of windows(source, options.batchSize * options.bucketWindow)) {
    // Left-overs go by their place in the stream, not by length, lest the longest examples always be dropped.
    const whole = examples.length - (examples.length % options.batchSize);
    const kept = options.dropLast && isLast ? examples.slice(0, whole) : examples;
    for (const bucket of cutWindow(kept, options, windowIndex)) yield padBatch(bucket, options);
    windowIndex += 1;
    isEpochEmpty &&= kept.length === 0;
    if (!isLast) continue;
    // Over a source that repeats without end this would go on for ever.
    if (isEpochEmpty && epochOf(source) !== undefined) throw nothingLeft(examples.length, options.batchSize);
    isEpochEmpty = true;
  }
}

function nothingLeft(examples: number, batchSize: number): EmptyDatasetError {
  return new EmptyDatasetError(
    `an epoch holds ${examples} examples, fewer than a batch of ${batchSize}, and dropLast drops them all. ` +
      'Lower batchSize, or leave dropLast out.',
  );
}

/** Examples that are sorted and cut together, all of one epoch. */
interface Window {
  readonly examples: readonly TokenizedExample[];
  /** Whether its epoch ends with it, so that it may hold fewer. */
  readonly isLast: boolean;
}

async function* windows(source: Source<TokenizedExample>, size: number): AsyncGenerator<Window> {
  let examples: TokenizedExample[] = [];
  let epoch = epochOf(source);
  for await (const example of source) {
    if (epochOf(source) !== epoch) {
      if (examples.length > 0) yield { examples, isLast: true };
      examples = [];
      epoch = epochOf(source);
    }
    examples.push(example);
    if (examples.length < size) continue;
    yield { examples, isLast: false };
    examples = [];
  }
  if (examples.length > 0) yield { examples, isLast: true };
}

function cutWindow(
  examples: readonly TokenizedExample[],
  {
    batchSize,
    bucketWindow,
    seed,
  }: Pick<BatchOptions, 'batchSize' | 'seed'> & { readonly bucketWindow: number },
  windowIndex: number,
): TokenizedExample[][] {
  const ordered = bucketWindow === 1 ? examples : examples.toSorted((a, b) => longest(a) - longest(b));
  const buckets: TokenizedExample[][] = [];
  for (let from = 0; from < ordered.length; from += batchSize)
    buckets.push(ordered.slice(from, from + batchSize));
  separateCopies(buckets);
  const incomplete = (buckets.at(-1)?.length ?? batchSize) < batchSize ? buckets.splice(-1) : [];
  return [...permute(buckets, seededDraws(seed, windowIndex)), ...incomplete];
}

/** Of a pair, the longer answer. */
function longest({ tokenIds, rejected }: TokenizedExample): number {
  return Math.max(tokenIds.length, rejected?.tokenIds.length ?? 0);
}

/** Exchanges copies of one example that stand in one bucket, as equal lengths sort them, for others of near buckets. */
function separateCopies(buckets: TokenizedExample[][]): void {
  const keys = buckets.map((bucket) => bucket.map(identity));
  for (const [at, own] of keys.entries()) {
    if (new Set(own).size === own.length) continue;
    const nearest = [...keys.keys()].toSorted((a, b) => Math.abs(a - at) - Math.abs(b - at));
    for (const [place, key] of own.entries()) {
      if (own.indexOf(key) === place) continue;
      const other = nearest.find(
        (index) => !keys[index]?.includes(key) && keys[index]?.some((one) => !own.includes(one)),
      );
      if (other === undefined) continue;
      const theirs = keys[other] as unknown[];
      const theirPlace = theirs.findIndex((one) => !own.includes(one));
      [own[place], theirs[theirPlace]] = [theirs[theirPlace], key];
      const [bucket, otherBucket] = [buckets[at] as TokenizedExample[], buckets[other] as TokenizedExample[]];
      [bucket[place], otherBucket[theirPlace]] = [
        otherBucket[theirPlace] as TokenizedExample,
        bucket[place] as TokenizedExample,
      ];
    }
  }
}

/** By what copies of an example are known: its line in the file, or itself. */
function identity(example: TokenizedExample): unknown {
  return example.origin ? `${example.origin.file}:${example.origin.line}` : example;
}
