import { estimateMemory, type GraphMemory, input, type RuntimeOptions } from '@safetune/tensor';
import type { CausalLm } from '../causal-lm.ts';
import type { LinearAdapter } from '../linear.ts';
import { groupsOfLikeLength, roomFor } from './cached-batch.ts';
import { generatorGraph, streamsSteps } from './executable.ts';
import { rowBatches } from './row-batches.ts';
import { sharedPrefixes } from './shared-prefixes.ts';

/** What a generator takes, in bytes. */
export interface GenerationMemory {
  /** Of each session that it comes to compile, in its largest run. */
  readonly graphs: readonly GraphMemory[];
  /** Keys and values of the texts that are continued together, when they are longest. */
  readonly cache: number;
}

export interface EstimateGenerationOptions {
  readonly adapter?: LinearAdapter;
  /** Most tokens to add to each prompt. */
  readonly maxNewTokens: number;
  /** Most prompts computed at once. Default 16. */
  readonly batchSize?: number;
  /** Over what the model runs best with. */
  readonly runtime?: RuntimeOptions;
}

/**
 * Estimates what generating from these prompts takes. Traces the step; compiles and runs nothing.
 *
 * @param prompts tokens
 */
export function estimateGeneration(
  model: CausalLm,
  prompts: readonly (readonly number[])[],
  { adapter, maxNewTokens, batchSize = 16, runtime }: EstimateGenerationOptions,
): GenerationMemory {
  const { config } = model;
  const measure = (width: 'seq' | 1, extents: Readonly<Record<string, number>>) => {
    const { trace, signature } = generatorGraph(model, adapter, undefined, width);
    const inputs = Object.entries(signature).map(([name, type]) => [name, input(name, type)]);
    return estimateMemory(Object.values(trace(Object.fromEntries(inputs))), extents);
  };
  const rows = prompts.map((prompt) => ({ prompt, produced: [] }));
  const batches = rowBatches(rows, batchSize, maxNewTokens, config).map((batch) => {
    const longest = batch[0]!.prompt.length;
    const capacity = longest + maxNewTokens;
    return { size: batch.length, capacity, largest: largestRun(batch), longest };
  });
  const both = { ...model.runtime, ...runtime };
  const taking = batches.flatMap(({ size, largest, longest, capacity }) => [
    measure('seq', { ...largest, capacity: roomFor(longest, capacity) }),
    ...(streamsSteps(size, model, both) ? [] : [measure('seq', { batch: size, seq: 1, capacity })]),
  ]);
  const stepping = batches
    .filter(({ size }) => streamsSteps(size, model, both))
    .map(({ size, capacity }) => measure(1, { batch: size, capacity }));
  const token = 4 * 2 * config.layerCount * config.keyValueHeadCount * config.headSize;
  return {
    graphs: [taking, stepping].flatMap((runs) => runs.toSorted((a, b) => b.peak - a.peak).slice(0, 1)),
    cache: token * Math.max(0, ...batches.map(({ size, capacity }) => size * capacity)),
  };
}

/** The most that a run over prompts takes in: those that begin like another are taken one by one. */
function largestRun(batch: readonly { readonly prompt: readonly number[] }[]): {
  batch: number;
  seq: number;
} {
  const prompts = batch.map(({ prompt }) => prompt);
  const prefixes = sharedPrefixes(prompts, []);
  const whole = [...prompts.keys()].filter((row) => prefixes[row] === undefined);
  const runs = groupsOfLikeLength(whole, (row) => prompts[row]!.length).map((group) => ({
    batch: group.length,
    seq: Math.max(...group.map((row) => prompts[row]!.length)),
  }));
  return runs.reduce((a, b) => (b.batch * b.seq > a.batch * a.seq ? b : a));
}
