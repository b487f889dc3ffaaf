import { setImmediate } from 'node:timers/promises';
import type { CausalLm } from '../causal-lm.ts';
import { GenerationError } from '../errors.ts';
import { checkAdapter } from './adapter-fit.ts';
import { startBatch } from './cached-batch.ts';
import { compileSessions } from './executable.ts';
import { GeneratorMemory } from './generator-memory.ts';
import { logSumExp } from './log-probabilities.ts';
import {
  checkGeneration,
  checkOptionNames,
  type GeneratorOptions,
  generatorNames,
  requireCount,
} from './options.ts';
import { rowBatches } from './row-batches.ts';

/** Options of {@link NextTokenScorer.score}. */
export interface NextTokenOptions {
  /** Most prompts computed at once. Default 16. */
  readonly batchSize?: number;
  /** Ends the scoring before its next run: score then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Says how probable every token is to come next; made by {@link createNextTokenScorer}. */
export interface NextTokenScorer {
  /**
   * The logarithms of the probabilities [vocabulary] of the token after each prompt, in nats: without temperature and
   * filters of sampling. What prompts have in common at their beginning, with each other or with the longest text of the
   * call before, is computed once.
   *
   * @throws GenerationError for an option that there is not or out of range, an empty prompt, one that fills the model's
   * context or holds an unknown token, and for logits that are not finite.
   */
  score(prompts: readonly (readonly number[])[], options?: NextTokenOptions): Promise<Float32Array[]>;
  /** Frees the session. */
  release(): Promise<void>;
}

/**
 * Compiles a model to tell what comes next, over the weights that generation and training map too.
 *
 * @throws GenerationError for an option that there is not, or an adapter of another model; CompileError.
 *
 * @example
 * const scorer = await createNextTokenScorer(model);
 * const [next] = await scorer.score([tokenizer.encode('2 + 2 =')]);
 * console.log(Math.exp(next[tokenizer.encode(' 4')[0]]));
 */
export async function createNextTokenScorer(
  model: CausalLm,
  options: GeneratorOptions = {},
): Promise<NextTokenScorer> {
  checkOptionNames('createNextTokenScorer', options, generatorNames);
  const { adapter, hidden, keepsText = true, ...runtime } = options;
  checkAdapter(adapter, model);
  const sessions = await compileSessions(model, adapter, hidden, { ...model.runtime, ...runtime });
  const memory = new GeneratorMemory();
  const tensors = adapter?.tensors ?? {};
  return {
    async score(prompts, scoreOptions = {}) {
      checkOptionNames('score', scoreOptions, nextTokenNames);
      const { batchSize = 16, signal } = scoreOptions;
      requireCount('batchSize', batchSize);
      checkGeneration(model, prompts, { maxNewTokens: 1 });
      const rows = prompts.map((prompt, index) => ({ prompt, index, produced: [] }));
      const found: Float32Array[] = [];
      const beforeRun = async () => {
        // A run blocks the thread: let timers and the abort signal have their turn.
        await setImmediate();
        signal?.throwIfAborted();
      };
      try {
        for (const together of rowBatches(rows, batchSize, 1, model.config)) {
          const batchOptions = {
            ...sessions,
            config: model.config,
            tensors,
            memory,
            newTokens: 1,
            beforeRun,
          };
          const { logits } = await startBatch(
            together.map(({ prompt }) => prompt),
            batchOptions,
          );
          together.forEach(({ index }, row) => {
            found[index] = logProbabilities(logits[row]!, index);
          });
        }
      } finally {
        if (keepsText) memory.shrink(model.config);
        else memory.forget();
      }
      return found;
    },
    release: () => sessions.release(),
  };
}

const nextTokenNames = { batchSize: true, signal: true } satisfies Record<keyof NextTokenOptions, true>;

/** The logarithm of softmax. */
function logProbabilities(logits: Float32Array, prompt: number): Float32Array {
  const shift = logSumExp(logits);
  if (!Number.isFinite(shift))
    throw new GenerationError(
      'the logits after it are not finite: the weights or the adapter are broken',
      prompt,
    );
  return logits.map((logit) => logit - shift);
}
