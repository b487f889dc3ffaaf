import { type Executable, type HostArray, hostArray } from '@safetune/tensor';
import type { ModelConfig } from '../config.ts';
import { emptyCache, keepRows } from './cache.ts';

/** Prompts are taken in pieces of this many tokens, so that no score matrix is wider than this times the prompt. */
const pieceTokens = 512;

/** Rows that are continued together, and their key-value cache. */
export interface CachedBatch {
  /** Takes one more token of each row; gives the logits [vocabulary] that follow, row by row. */
  step(tokens: readonly number[]): Promise<Float32Array[]>;
  /** Drops all rows but these (their present indices, ascending), and the slots that none of them uses. */
  keep(rows: readonly number[]): Promise<void>;
}

export interface CachedBatchOptions {
  readonly executable: Executable;
  readonly config: ModelConfig;
  /** Inputs besides tokens and cache: the adapter's. */
  readonly tensors: Readonly<Record<string, HostArray>>;
  /** Called before every run, which blocks the thread. */
  readonly beforeRun: () => Promise<void>;
}

/** Takes the prompts in, padded at the left to one length; gives the logits that follow each, and the batch. */
export async function startBatch(
  prompts: readonly (readonly number[])[],
  { executable, config, tensors, beforeRun }: CachedBatchOptions,
): Promise<{ batch: CachedBatch; logits: Float32Array[] }> {
  const width = Math.max(...prompts.map((prompt) => prompt.length));
  let padding = prompts.map((prompt) => width - prompt.length);
  let sequence = executable.sequence(emptyCache(config, prompts.length));

  const run = async (tokens: readonly (readonly number[])[]): Promise<Float32Array[]> => {
    await beforeRun();
    const { logits } = await sequence.run({
      tokenIds: hostArray(BigInt64Array.from(tokens.flat(), BigInt), [tokens.length, tokens[0]!.length]),
      padding: hostArray(BigInt64Array.from(padding, BigInt), [padding.length]),
      ...tensors,
    });
    const values = logits!.data as Float32Array;
    const { vocabularySize } = config;
    return tokens.map((_, row) => values.subarray(row * vocabularySize, (row + 1) * vocabularySize));
  };

  let logits: Float32Array[] = [];
  // Where positions depend on the whole prompt's length, it is taken as a whole.
  const whole = config.rotaryChange !== undefined && width > config.rotaryChange.beyond;
  const piece = whole ? width : pieceTokens;
  for (let start = 0; start < width; start += piece) {
    const end = Math.min(width, start + piece);
    logits = await run(prompts.map((prompt, row) => slotTokens(prompt, padding[row]!, start, end)));
  }
  const batch: CachedBatch = {
    step: (tokens) => run(tokens.map((token) => [token])),
    keep: async (rows) => {
      const kept = rows.map((row) => padding[row]!);
      const unused = Math.min(...kept);
      sequence = executable.sequence(keepRows(await sequence.state(), rows, unused));
      padding = kept.map((slots) => slots - unused);
    },
  };
  return { batch, logits };
}

/** The tokens in slots `start` to `end` of a row; any token stands in for padding, which nothing sees. */
function slotTokens(prompt: readonly number[], padding: number, start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, index) => prompt[start + index - padding] ?? prompt[0]!);
}
