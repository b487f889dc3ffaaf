import {
  type ChatExample,
  EmptyDatasetError,
  interleave,
  loadDataset,
  openDataset,
  type PoolExhaustion,
  type Source,
  shuffle,
  withTag,
} from '@safetune/datasets';
import { z } from 'zod';
import { RegularizerOptionError } from '../../errors.ts';
import { examplesDigest } from '../../interface/examples-digest.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { examplesSchema } from '../../interface/option-schemas.ts';
import { checkChoice, checkOptions } from '../../interface/options.ts';
import type { Regularizer } from '../../interface/regularizer.ts';
import { changedOnce } from './changed-once.ts';

/** The tag that interleaved examples carry, for regularizers that treat them differently (KL's `onlyTagged`). */
export const interleavedTag = 'interleaved';

/** Options of {@link interleaving}. */
export interface InterleavingOptions {
  /** Safe, benign examples: a path that `openDataset` reads, or the examples themselves. Taken in their order. */
  readonly pool: string | readonly ChatExample[];
  /** 0 to 1, of what `shareOf` says. Default 0.05 (the paper's). */
  readonly share?: number;
  /** 'mixed' (default): of the mixed stream; 'primary': added per training example. See `interleave` of the datasets package. */
  readonly shareOf?: 'mixed' | 'primary';
  /** Shifts the pattern. Default 0. */
  readonly seed?: number;
  /** Whether to bring the pool into an order drawn from the seed first, which loads all of it. Default false. */
  readonly shufflePool?: boolean;
  /** When the pool is smaller than the share needs: walk it again (default), go on without, or throw. */
  readonly onPoolExhausted?: 'cycle' | 'stop' | 'error';
  /** Hears of a pool that ran out. Default: the process warns, once. */
  readonly onExhaustion?: (exhaustion: PoolExhaustion) => void;
}

/**
 * Interleaving: safe examples spread evenly among the training examples, by Bresenham's line, so that with a share of
 * 1/k any k consecutive examples hold exactly one of the pool (Kaczér et al. 2026, arXiv 2508.06249, section 3; the
 * benign part of WildGuardMix there). The same seed gives the same stream. Added examples carry the tag 'interleaved'.
 *
 * Interleaving+ and ++ are this with a pool chosen by {@link selectByPerplexityGap}.
 *
 * @throws RegularizerOptionError at once for a share outside 0..1, a seed that is not a whole number, or no pool; when the
 * stream is walked EmptyDatasetError for an empty pool, PoolExhaustedError under 'error', and what reading the file throws.
 *
 * @example
 * interleaving({ pool: 'safe.jsonl', share: 0.05 });
 */
export function interleaving(options: InterleavingOptions): Regularizer {
  checkOptions('interleaving', options, [
    'pool',
    'share',
    'shareOf',
    'seed',
    'shufflePool',
    'onPoolExhausted',
    'onExhaustion',
  ]);
  const {
    pool,
    share = 0.05,
    shareOf = 'mixed',
    seed = 0,
    shufflePool = false,
    onPoolExhausted = 'cycle',
  } = options;
  checkShareAndSeed('interleaving', share, seed);
  checkPool('interleaving', pool, '{ "type": "interleaving", "share": 0.05, "pool": "safe.jsonl" }');
  checkChoice('interleaving', 'shareOf', shareOf, ['mixed', 'primary']);
  checkChoice('interleaving', 'onPoolExhausted', onPoolExhausted, ['cycle', 'stop', 'error']);
  const onExhaustion = options.onExhaustion ?? warnOnce();
  const tag = changedOnce((example) => withTag(example, interleavedTag));
  return {
    name: 'interleaving',
    config: { type: 'interleaving', pool, share, shareOf, seed, shufflePool, onPoolExhausted },
    examples: (source) =>
      interleave(source, changedEach(openPool(pool, shufflePool, seed), tag), {
        share,
        shareOf,
        seed,
        onPoolExhausted,
        onExhaustion,
      }),
    // A pool that was handed over is in the config itself.
    ...(typeof pool === 'string' ? { contents: async () => ({ pool: await examplesDigest(pool) }) } : {}),
  };
}

/** @throws RegularizerOptionError */
export function checkShareAndSeed(regularizer: string, share: number, seed: number): void {
  if (!(share >= 0 && share <= 1)) {
    throw new RegularizerOptionError(regularizer, `the share is ${share}, must be a number from 0 to 1`);
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RegularizerOptionError(regularizer, `the seed is ${seed}, must be a whole number from 0`);
  }
}

/** @throws RegularizerOptionError without one, with the config `example`; EmptyDatasetError for one without examples. */
export function checkPool(
  regularizer: string,
  pool: string | readonly ChatExample[] | undefined,
  example: string,
): void {
  if (pool === undefined || pool === '') {
    throw new RegularizerOptionError(
      regularizer,
      `it needs a pool of safe examples, which the short form cannot name: give it in a config file, as ${example}`,
    );
  }
  if (pool.length === 0)
    throw new EmptyDatasetError(
      `${regularizer}: the pool is empty. Give it examples, or leave '${regularizer}' out.`,
    );
}

/** The examples of a pool, opened when they are walked. */
export async function* openPool(
  pool: string | readonly ChatExample[],
  isShuffled: boolean,
  seed: number,
): AsyncGenerator<ChatExample> {
  if (isShuffled) yield* shuffle(typeof pool === 'string' ? await loadDataset(pool) : pool, seed);
  else yield* typeof pool === 'string' ? await openDataset(pool) : pool;
}

/** The examples of a stream, each changed. */
export async function* changedEach(
  source: Source<ChatExample>,
  change: (example: ChatExample) => ChatExample,
): AsyncGenerator<ChatExample> {
  for await (const example of source) yield change(example);
}

/** A trainer may walk the stream twice, to count and to train: one warning is enough. */
function warnOnce(): (exhaustion: PoolExhaustion) => void {
  let warned = false;
  return ({ poolSize, primaryCount, action }) => {
    if (warned) return;
    warned = true;
    const done = action === 'cycle' ? 'it is walked again from its start' : 'training goes on without it';
    process.emitWarning(
      `interleaving: the pool's ${poolSize} examples were used up after ${primaryCount} training examples: ${done}`,
      { code: 'SAFETUNE_POOL_EXHAUSTED' },
    );
  };
}

/** As configs name it. */
export const interleavingKind: OwnKind = {
  summary: 'mixes safe examples into the data',
  needsFile: true,
  schema: z.strictObject({
    pool: examplesSchema.optional(),
    share: z.number().optional(),
    shareOf: z.enum(['mixed', 'primary']).optional(),
    seed: z.number().optional(),
    shufflePool: z.boolean().optional(),
    onPoolExhausted: z.enum(['cycle', 'stop', 'error']).optional(),
  }),
  strength: 'share',
  paths: ['pool'],
  create: interleaving,
};
