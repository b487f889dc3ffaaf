import { beforeAll, describe, expect, it } from 'vitest';
import { goldenDirectory } from '../__fixtures__/goldens.ts';
import type { CausalLm } from '../causal-lm.ts';
import { loadModel } from '../load-model.ts';
import { estimateGeneration } from './generation-memory.ts';

const prompt = (length: number, seed: number) =>
  Array.from({ length }, (_, at) => (seed * 17 + at * seed) % 300);

describe('what generating takes', () => {
  let model: CausalLm;
  beforeAll(async () => {
    model = await loadModel(goldenDirectory('llama-untied-float32'));
  });
  const bytesOfToken = () => {
    const { layerCount, keyValueHeadCount, headSize } = model.config;
    return layerCount * 2 * keyValueHeadCount * headSize * 4;
  };

  it('a cache of the longest prompt and its answer for every text that is continued at once', () => {
    const prompts = [prompt(10, 1), prompt(30, 2), prompt(20, 3)];
    const cacheOf = (batchSize: number) =>
      estimateGeneration(model, prompts, { maxNewTokens: 8, batchSize }).cache;
    expect(cacheOf(16)).toBe(3 * 38 * bytesOfToken());
    // In turns, the longest first: two rows of 38 hold more than the last of 18.
    expect(cacheOf(2)).toBe(2 * 38 * bytesOfToken());
  });

  it('one session for few texts, a second one for the steps of many, and none for no texts', () => {
    const graphs = (rows: number, prepackWeights = false) =>
      estimateGeneration(
        model,
        Array.from({ length: rows }, (_, row) => prompt(12, row + 1)),
        { maxNewTokens: 8, runtime: { prepackWeights } },
      ).graphs;
    expect(graphs(0)).toEqual([]);
    expect(graphs(5)).toHaveLength(1);
    expect(graphs(6)).toHaveLength(2);
    expect(graphs(6, true)).toHaveLength(1);
    const [taking, stepping] = graphs(6);
    expect(taking!.peak).toBeGreaterThan(stepping!.peak);
    expect(stepping!.peak).toBeGreaterThan(6 * 4 * model.config.vocabularySize);
  });

  it('takes in at once prompts that are whole, not those that begin like another', () => {
    const peak = (prompts: number[][]) =>
      estimateGeneration(model, prompts, { maxNewTokens: 4 }).graphs[0]!.peak;
    const alike = [0, 1, 2, 3].map((last) => [...prompt(40, 1), last]);
    const different = [1, 2, 3, 4].map((seed) => prompt(41, seed));
    expect(peak(different)).toBeGreaterThan(2 * peak([different[0]!]));
    expect(peak(alike)).toBe(peak([alike[0]!]));
  });
});
