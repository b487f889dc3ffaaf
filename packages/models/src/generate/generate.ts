import { setImmediate } from 'node:timers/promises';
import type { CausalLm } from '../causal-lm.ts';
import { GenerationError } from '../errors.ts';
import { checkAdapter } from './adapter-fit.ts';
import { type CachedBatchOptions, startBatch } from './cached-batch.ts';
import { compileSessions } from './executable.ts';
import { GeneratorMemory } from './generator-memory.ts';
import { tokenLogProbabilities } from './log-probabilities.ts';
import {
  checkGeneration,
  checkOptionNames,
  type FinishReason,
  type GenerateOptions,
  type GeneratorOptions,
  generatorNames,
} from './options.ts';
import { penalizeRepetition } from './repetition.ts';
import { outgrowsCache, rowBatches } from './row-batches.ts';
import { indexOfLargest, sampleToken } from './sampling.ts';
import { seededDraws } from './seeded-draws.ts';
import { specialStopTokens, stopWatch } from './stop-watch.ts';

/** Continues token sequences; made by {@link createGenerator}. */
export interface TokenGenerator {
  /**
   * Continues each prompt until a stop token or stop string, `maxNewTokens` or the model's `maximumPositions`.
   *
   * What a prompt gets does not depend on the other prompts, nor on its place among them, but for the rounding of
   * float32 sums: about 1e-6 of a logit. What prompts have in common with each other at their beginning, or with a text of
   * an earlier call, such as a system prompt or a conversation so far, is computed once.
   *
   * @returns the new tokens of each prompt in the order given; a stop token, or the one that completes a stop string, is the
   * last of them when reached.
   * @throws GenerationError for an option that there is not or out of range, an empty prompt, one that fills the model's
   * context or holds an unknown token, and for logits that are not finite.
   */
  generate(prompts: readonly (readonly number[])[], options: GenerateOptions): Promise<number[][]>;
  /** Frees the session. */
  release(): Promise<void>;
}

/**
 * Compiles a model for generation: one session takes prompts and single tokens alike, a second one, made when it is first wanted,
 * single tokens of many texts; both read one key-value cache. Between calls the generator keeps that of one text, for a next one that begins alike.
 *
 * @example
 * const generator = await createGenerator(model);
 * const [answer] = await generator.generate([tokenizer.encode(prompt)], { maxNewTokens: 64 });
 *
 * @throws GenerationError for an option that there is not, or an adapter of another model; CompileError of the tensor package.
 */
export async function createGenerator(
  model: CausalLm,
  options: GeneratorOptions = {},
): Promise<TokenGenerator> {
  checkOptionNames('createGenerator', options, generatorNames);
  const { adapter, hidden, keepsText = true, ...runtime } = options;
  checkAdapter(adapter, model);
  const sessions = await compileSessions(model, adapter, hidden, { ...model.runtime, ...runtime });
  const memory = new GeneratorMemory();
  const batchOptions = { ...sessions, config: model.config, tensors: adapter?.tensors ?? {}, memory };
  return {
    generate: async (prompts, generateOptions) => {
      checkGeneration(model, prompts, generateOptions);
      try {
        return await generate(prompts, generateOptions, batchOptions);
      } finally {
        if (keepsText) memory.shrink(model.config);
        else memory.forget();
      }
    },
    release: () => sessions.release(),
  };
}

/** One prompt on its way. */
interface Row {
  readonly index: number;
  readonly prompt: readonly number[];
  readonly draw: () => number;
  /** The tokens of the prompt and those made. */
  readonly seen: Set<number>;
  /** Whether the token completes a stop string. */
  readonly completesStop: (token: number) => boolean;
  readonly produced: number[];
  finishReason: FinishReason | undefined;
}

async function generate(
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
  batchOptions: Omit<CachedBatchOptions, 'beforeRun' | 'newTokens'>,
): Promise<number[][]> {
  const {
    seeds,
    batchSize = 16,
    onToken,
    onProgress,
    signal,
    repetitionPenalty = 1,
    logProbabilities,
  } = options;
  const { maximumPositions, eosTokenIds } = batchOptions.config;
  const stop = new Set([...(options.stopTokenIds ?? eosTokenIds), ...specialStopTokens(options)]);
  const rows = prompts.map((prompt, index): Row => {
    return {
      index,
      prompt,
      // Without seeds nothing is drawn: they are required above temperature 0.
      draw: seededDraws(seeds?.[index] ?? 0),
      seen: new Set(prompt),
      completesStop: stopWatch(options),
      produced: [],
      finishReason: undefined,
    };
  });
  const takesLargest = (options.temperature ?? 0) === 0 && repetitionPenalty === 1;
  const choose = (row: Row, logits: Float32Array) => {
    const largest = requireFinite(row, logits);
    const token = takesLargest
      ? largest
      : sampleToken(penalizeRepetition(logits, row.seen, repetitionPenalty), options, row.draw);
    row.produced.push(token);
    row.seen.add(token);
    const { length } = row.produced;
    const isFull = length >= options.maxNewTokens || row.prompt.length + length >= maximumPositions;
    if (row.completesStop(token) || stop.has(token)) row.finishReason = 'stop';
    else if (isFull) row.finishReason = 'length';
    onToken?.({
      prompt: row.index,
      token,
      finishReason: row.finishReason,
      ...(logProbabilities === undefined
        ? {}
        : { logProbabilities: tokenLogProbabilities(logits, token, logProbabilities) }),
    });
  };
  const report = () =>
    onProgress?.({
      finished: rows.filter(({ finishReason }) => finishReason !== undefined).length,
      total: rows.length,
      tokens: rows.reduce((sum, { produced }) => sum + produced.length, 0),
    });
  const beforeRun = async () => {
    // A run blocks the thread: let timers, progress and the abort signal have their turn.
    await setImmediate();
    signal?.throwIfAborted();
  };
  for (const together of rowBatches(rows, batchSize, options.maxNewTokens, batchOptions.config)) {
    await generateTogether(together, choose, report, {
      ...batchOptions,
      newTokens: options.maxNewTokens,
      beforeRun,
    });
  }
  return rows.map(({ produced }) => produced);
}

/** Continues rows side by side; a finished one leaves the batch at once. */
async function generateTogether(
  rows: readonly Row[],
  choose: (row: Row, logits: Float32Array) => void,
  report: () => void,
  options: CachedBatchOptions,
): Promise<void> {
  const prompts = rows.map(({ prompt }) => prompt);
  let { batch, logits } = await startBatch(prompts, options);
  for (let going = rows; ; ) {
    going.forEach((row, index) => {
      choose(row, logits[index]!);
    });
    report();
    const kept = [...going.keys()].filter((index) => going[index]!.finishReason === undefined);
    if (kept.length === 0) return;
    if (kept.length < going.length) {
      batch.keep(kept);
      going = kept.map((index) => going[index]!);
    }
    if (going.some((row) => outgrowsCache(row, options.config))) {
      const texts = going.map(({ prompt, produced }) => [...prompt, ...produced]);
      ({ batch, logits } = await startBatch(texts, options));
    } else logits = await batch.step(going.map(({ produced }) => produced.at(-1)!));
  }
}

/** @returns the token of the largest logit. */
function requireFinite({ index, prompt, produced }: Row, logits: Float32Array): number {
  const largest = indexOfLargest(logits);
  if (Number.isFinite(logits[largest])) return largest;
  const at = prompt.length + produced.length;
  throw new GenerationError(
    `the logits for position ${at} are not finite: the weights or the adapter are broken`,
    index,
  );
}
