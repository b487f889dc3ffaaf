import { setImmediate } from 'node:timers/promises';
import type { RuntimeOptions } from '@safetune/tensor';
import type { CausalLm, ForwardOptions } from '../causal-lm.ts';
import { GenerationError } from '../errors.ts';
import type { LinearAdapter } from '../linear.ts';
import { type CachedBatchOptions, startBatch } from './cached-batch.ts';
import { compileGenerator } from './executable.ts';
import { GeneratorMemory } from './generator-memory.ts';
import { checkGeneration, type GenerateOptions } from './options.ts';
import { indexOfLargest, sampleToken, seededDraws } from './sampling.ts';

/** Options of {@link createGenerator}. */
export interface GeneratorOptions extends RuntimeOptions {
  /** Changes the linear layers, for example LoRA. Its values are read anew at every step. */
  readonly adapter?: LinearAdapter;
  /** Edits the residual stream; see {@link ForwardOptions.hidden}. */
  readonly hidden?: NonNullable<ForwardOptions['hidden']>;
}

/** Continues token sequences; made by {@link createGenerator}. */
export interface TokenGenerator {
  /**
   * Continues each prompt until a stop token, `maxNewTokens` or the model's `maximumPositions`.
   *
   * What a prompt gets does not depend on the other prompts, nor on its place among them, but for the rounding of
   * float32 sums: about 1e-6 of a logit. What prompts have in common with each other at their beginning, or with a text of
   * an earlier call, such as a system prompt or a conversation so far, is computed once.
   *
   * @returns the new tokens of each prompt in the order given; a stop token, when reached, is the last of them.
   * @throws GenerationError for an option out of range, an empty prompt, one that fills the model's context or holds
   * an unknown token, and for logits that are not finite.
   */
  generate(prompts: readonly (readonly number[])[], options: GenerateOptions): Promise<number[][]>;
  /** Frees the session. */
  release(): Promise<void>;
}

/**
 * Compiles a model for generation: one session takes prompts and single tokens alike, and extends a key-value cache in place.
 * Between calls the generator keeps that of one text, for a next one that begins alike.
 *
 * @example
 * const generator = await createGenerator(model);
 * const [answer] = await generator.generate([tokenizer.encode(prompt)], { maxNewTokens: 64 });
 *
 * @throws GenerationError for an adapter of another model; CompileError of the tensor package.
 */
export async function createGenerator(
  model: CausalLm,
  options: GeneratorOptions = {},
): Promise<TokenGenerator> {
  const { adapter, hidden, ...runtime } = options;
  checkAdapter(adapter, model);
  const executable = await compileGenerator(model, adapter, hidden, { ...model.runtime, ...runtime });
  const memory = new GeneratorMemory();
  const batchOptions = { executable, config: model.config, tensors: adapter?.tensors ?? {}, memory };
  return {
    generate: async (prompts, generateOptions) => {
      checkGeneration(model, prompts, generateOptions);
      try {
        return await generate(prompts, generateOptions, batchOptions);
      } finally {
        memory.shrink(model.config);
      }
    },
    release: () => executable.release(),
  };
}

/** A layer that the model lacks would be passed over, and the model would answer as if it had no adapter. */
function checkAdapter(adapter: LinearAdapter | undefined, { linearLayers }: CausalLm): void {
  for (const { name, inFeatures, outFeatures } of adapter?.modules ?? []) {
    const layer = linearLayers.find((each) => each.name === name);
    if (layer?.inFeatures === inFeatures && layer.outFeatures === outFeatures) continue;
    throw new GenerationError(
      `the adapter changes a layer '${name}' of ${inFeatures} inputs and ${outFeatures} outputs, which the model does not ` +
        'have; is the adapter of another model?',
    );
  }
}

/** One prompt on its way. */
interface Row {
  readonly index: number;
  readonly prompt: readonly number[];
  readonly draw: () => number;
  readonly produced: number[];
  finished: boolean;
}

async function generate(
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
  batchOptions: Omit<CachedBatchOptions, 'beforeRun' | 'newTokens'>,
): Promise<number[][]> {
  const { seeds, batchSize = 16, onProgress, signal } = options;
  const { maximumPositions, eosTokenIds } = batchOptions.config;
  const stop = new Set(options.stopTokenIds ?? eosTokenIds);
  const rows = prompts.map((prompt, index): Row => {
    // Without seeds nothing is drawn: they are required above temperature 0.
    return { index, prompt, draw: seededDraws(seeds?.[index] ?? 0), produced: [], finished: false };
  });
  const choose = (row: Row, logits: Float32Array) => {
    requireFinite(row, logits);
    const token = sampleToken(logits, options, row.draw);
    row.produced.push(token);
    const length = row.prompt.length + row.produced.length;
    row.finished =
      stop.has(token) || row.produced.length >= options.maxNewTokens || length >= maximumPositions;
  };
  const report = () =>
    onProgress?.({
      finished: rows.filter((row) => row.finished).length,
      total: rows.length,
      tokens: rows.reduce((sum, { produced }) => sum + produced.length, 0),
    });
  const beforeRun = async () => {
    // A run blocks the thread: let timers, progress and the abort signal have their turn.
    await setImmediate();
    signal?.throwIfAborted();
  };
  // Prompts of like length together need the least padding.
  const longestFirst = rows.toSorted((a, b) => b.prompt.length - a.prompt.length);
  for (let start = 0; start < rows.length; start += batchSize) {
    const together = longestFirst.slice(start, start + batchSize);
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
  const { batch, logits: first } = await startBatch(prompts, options);
  let logits = first;
  for (let going = rows; ; ) {
    going.forEach((row, index) => {
      choose(row, logits[index]!);
    });
    report();
    const kept = [...going.keys()].filter((index) => !going[index]!.finished);
    if (kept.length === 0) return;
    if (kept.length < going.length) {
      batch.keep(kept);
      going = kept.map((index) => going[index]!);
    }
    logits = await batch.step(going.map(({ produced }) => produced.at(-1)!));
  }
}

function requireFinite({ index, prompt, produced }: Row, logits: Float32Array): void {
  const largest = logits[indexOfLargest(logits)] ?? Number.NaN;
  if (Number.isFinite(largest) && !logits.includes(Number.NaN)) return;
  const at = prompt.length + produced.length;
  throw new GenerationError(
    `the logits for position ${at} are not finite: the weights or the adapter are broken`,
    index,
  );
}
