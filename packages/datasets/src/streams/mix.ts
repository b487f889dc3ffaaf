import { DatasetOptionError, EmptyDatasetError, PoolExhaustedError } from '../errors.ts';
import { requireChoice, requireInteger, requireKnownOptions } from '../options.ts';
import { seededDraws } from '../random.ts';
import { withEpochsOf } from './epochs.ts';
import { type Ratio, spreadEvenly, toRatio } from './spread.ts';
import { iterate, type Source } from './stream.ts';

/** What happened when a pool ran out. */
export interface PoolExhaustion {
  /** Examples the pool held. */
  readonly poolSize: number;
  /** Primary examples given out by then. */
  readonly primaryCount: number;
  /** What is done now: the pool is walked again, or the primary goes on alone. */
  readonly action: 'cycle' | 'stop';
}

/** Options of {@link interleave}. */
export interface InterleaveOptions {
  /** 0 to 1; what it is a share of is said by `shareOf`. */
  readonly share: number;
  /**
   * `mixed` (default): the share of secondary examples in the mixed stream; 0.05 makes every 20th example a secondary one.
   * `primary`: secondary examples ADDED per primary one; 0.05 adds one to every 20, so the mixed stream holds 1/21. That
   * is how "a share of D_safe added to D_fine" reads (arXiv 2508.06249); at 5 % the two differ by a twentieth.
   */
  readonly shareOf?: 'mixed' | 'primary';
  readonly seed: number;
  /**
   * Number of primary examples (of an epoch), where known: then exactly round(secondary per primary x primaryCount)
   * secondary examples go among every primaryCount primary ones. Without it the ratio itself is kept for ever.
   */
  readonly primaryCount?: number;
  /**
   * When the pool is smaller than the share needs: walk it again from its start (`cycle`, default; keeps the pool in
   * memory), go on with primary examples only (`stop`), or throw (`error`).
   */
  readonly onPoolExhausted?: 'cycle' | 'stop' | 'error';
  /** Hears of a pool that ran out, once. Without it the process warns. */
  readonly onExhaustion?: (exhaustion: PoolExhaustion) => void;
}

/**
 * Mixes a secondary pool into a primary stream, evenly: the interleaving regularizer (arXiv 2508.06249: safe, benign
 * instruct data among the fine-tuning data, 5 % by default there). The order is a pure function of the seed, which
 * shifts the pattern; both sources keep their own order, are read lazily, and nothing is duplicated or lost. With a share
 * 1/k any k consecutive examples hold exactly one secondary; in general any n hold n x share, rounded down or up.
 *
 * The stream starts with a primary example and ends with the primary source, or with the pool when the share is all of the
 * mixed stream: then no primary example is read and the pool is walked once. With a share of 0 the pool is not read.
 *
 * @throws {@link DatasetOptionError} at once, for a share outside 0..1 or one that `primaryCount` rounds to no example;
 * {@link EmptyDatasetError} before the first example, for an empty pool; {@link PoolExhaustedError} under `error`.
 */
export function interleave<T>(
  primary: Source<T>,
  secondary: Source<T>,
  options: InterleaveOptions,
): AsyncGenerator<T, void, undefined> {
  requireKnownOptions('interleave', options, optionNames);
  requireChoice('shareOf', options.shareOf ?? 'mixed', ['mixed', 'primary']);
  requireChoice('onPoolExhausted', options.onPoolExhausted ?? 'cycle', ['cycle', 'stop', 'error']);
  const ratio = secondaryRatio(options);
  seededDraws(options.seed);
  if (ratio.part === 0) return withEpochsOf(passThrough(primary), primary);
  if (ratio.part === ratio.whole) return onlyPool(secondary);
  return withEpochsOf(mix(primary, secondary, ratio, options), primary);
}

const optionNames = ['share', 'shareOf', 'seed', 'primaryCount', 'onPoolExhausted', 'onExhaustion'];

/** The ratio of secondary slots in the mixed stream. */
function secondaryRatio({ share, shareOf = 'mixed', primaryCount }: InterleaveOptions): Ratio {
  const { part, whole } = toRatio(share);
  const others = shareOf === 'mixed' ? whole - part : whole;
  if (primaryCount === undefined || others === 0) return { part, whole: part + others };
  requireInteger('primaryCount', primaryCount, 1);
  const added = Math.round((part * primaryCount) / others);
  if (added === 0 && part > 0) {
    throw new DatasetOptionError(
      'share',
      share,
      `larger: among ${primaryCount} primary examples it rounds to no secondary example at all`,
    );
  }
  return { part: added, whole: added + primaryCount };
}

async function* passThrough<T>(source: Source<T>): AsyncGenerator<T, void, undefined> {
  yield* source;
}

async function* onlyPool<T>(secondary: Source<T>): AsyncGenerator<T, void, undefined> {
  let count = 0;
  for await (const example of secondary) {
    yield example;
    count += 1;
  }
  if (count === 0) throw emptyPool();
}

async function* mix<T>(
  primary: Source<T>,
  secondary: Source<T>,
  ratio: Ratio,
  { seed, onPoolExhausted = 'cycle', onExhaustion = warn }: InterleaveOptions,
): AsyncGenerator<T, void, undefined> {
  let primaryCount = 0;
  const pool = openPool(secondary, onPoolExhausted, (poolSize, action) =>
    onExhaustion({ poolSize, primaryCount, action }),
  );
  const stream = iterate(primary);
  try {
    // The first of the pool is fetched ahead, so that an empty one is found before anything is given out.
    let ahead: IteratorResult<T, void> | undefined = await pool.next();
    for (const isSecondary of spreadEvenly(ratio, seed)) {
      if (isSecondary) {
        const next = ahead ?? (await pool.next());
        ahead = undefined;
        if (!next.done) yield next.value;
        continue;
      }
      const next = await stream.next();
      if (next.done) return;
      primaryCount += 1;
      yield next.value;
    }
  } finally {
    await stream.return?.();
    await pool.return();
  }
}

async function* openPool<T>(
  source: Source<T>,
  onPoolExhausted: 'cycle' | 'stop' | 'error',
  report: (poolSize: number, action: 'cycle' | 'stop') => void,
): AsyncGenerator<T, void, undefined> {
  const kept: T[] = [];
  let poolSize = 0;
  for await (const example of source) {
    if (onPoolExhausted === 'cycle') kept.push(example);
    poolSize += 1;
    yield example;
  }
  if (poolSize === 0) throw emptyPool();
  if (onPoolExhausted === 'error') {
    throw new PoolExhaustedError(
      poolSize,
      `the pool's ${poolSize} examples are fewer than the share needs. ` +
        `Enlarge the pool, lower the share, or set onPoolExhausted to 'cycle' or 'stop'.`,
    );
  }
  report(poolSize, onPoolExhausted);
  while (onPoolExhausted === 'cycle') yield* kept;
}

function emptyPool(): EmptyDatasetError {
  return new EmptyDatasetError('the secondary pool is empty. Give it examples, or set the share to 0.');
}

function warn({ poolSize, action }: PoolExhaustion): void {
  const done = action === 'cycle' ? 'it is used again from its start' : 'training goes on without it';
  process.emitWarning(`the interleaved pool's ${poolSize} examples are fewer than the share needs: ${done}`, {
    code: 'SAFETUNE_POOL_EXHAUSTED',
  });
}
