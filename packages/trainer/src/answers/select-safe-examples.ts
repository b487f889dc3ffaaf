import type { ChatExample } from '@safetune/datasets';
import { type LoraAdapter, requireAdapterFits } from '@safetune/lora';
import {
  type AnswerLoss,
  cachedAnswerLoss,
  type Selection,
  type SelectionOptions,
  selectByPerplexityGap,
} from '@safetune/regularizers';
import { createAnswerLoss } from './answer-loss.ts';
import type { ForwardBatchOptions } from './forward-batches.ts';

/** Options of {@link selectSafeExamples}. */
export interface SelectSafeExamplesOptions extends Omit<ForwardBatchOptions, 'adapter'>, SelectionOptions {
  readonly pool: readonly ChatExample[];
  /** Adapters of the model that went bad: at least one. */
  readonly misaligned: readonly LoraAdapter[];
  /** A JSONL file that keeps losses, so that a killed selection goes on where it was. Default: none. */
  readonly cache?: string;
  /** `model`: 0 is the aligned one, then the misaligned ones. Only with a cache. */
  readonly onProgress?: (progress: {
    readonly model: number;
    readonly done: number;
    readonly total: number;
  }) => void;
}

/**
 * Interleaving+ and ++ with a model: scores a pool of safe examples by the model and its misaligned adapters, one of
 * them in memory at a time, and chooses the best. See `selectByPerplexityGap` of the regularizers package.
 *
 * @throws AdapterMismatchError, before anything is scored, when the model lacks a module of an adapter; what
 * `selectByPerplexityGap`, `cachedAnswerLoss` and {@link createAnswerLoss} throw.
 *
 * @example
 * const { selected } = await selectSafeExamples({ model, tokenizer, misaligned, pool, top: 300, dropRefusals: true });
 * await writeSelection('chosen.jsonl', selected);
 */
export async function selectSafeExamples(options: SelectSafeExamplesOptions): Promise<Selection> {
  const { pool, misaligned, model } = options;
  for (const adapter of misaligned) requireAdapterFits(adapter, model);
  const models = [undefined, ...misaligned].map((adapter, index) => answerLoss(options, adapter, index));
  const { top, epsilon, dropRefusals, refusalWords } = options;
  return selectByPerplexityGap(
    pool,
    { aligned: models[0]!, misaligned: models.slice(1) },
    {
      top,
      ...(epsilon === undefined ? {} : { epsilon }),
      ...(dropRefusals === undefined ? {} : { dropRefusals }),
      ...(refusalWords === undefined ? {} : { refusalWords }),
    },
  );
}

/** Compiled when asked, released when done. */
function answerLoss(
  { cache, onProgress, ...options }: SelectSafeExamplesOptions,
  adapter: LoraAdapter | undefined,
  model: number,
): AnswerLoss {
  return async (examples) => {
    const { loss, id, release } = await createAnswerLoss({
      ...options,
      ...(adapter === undefined ? {} : { adapter }),
    });
    try {
      if (cache === undefined) return await loss(examples);
      const report =
        onProgress === undefined
          ? {}
          : { onProgress: (at: { done: number; total: number }) => onProgress({ model, ...at }) };
      return await cachedAnswerLoss({ file: cache, model: id, loss, ...report })(examples);
    } finally {
      await release();
    }
  };
}
