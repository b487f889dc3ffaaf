import { compile, type HostArray, type Tensor, tensorType } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { type CausalLm, loadModel } from './causal-lm.ts';
import { goldenDirectory, goldenNames, goldenTensors, temporaryDirectory } from './testing/goldens.ts';

const cacheDirectory = temporaryDirectory();

/** Largest difference over the rows of real tokens. */
function largestDifference(actual: HostArray, expected: HostArray, lengths: HostArray): number {
  const [batch, seq, width] = expected.shape as [number, number, number];
  expect(actual.shape).toEqual(expected.shape);
  let largest = 0;
  for (let row = 0; row < batch; row++) {
    for (let position = 0; position < Number(lengths.get(row)); position++) {
      for (let feature = 0; feature < width; feature++) {
        const difference = Number(actual.get(row, position, feature)) - Number(expected.get(row, position, feature));
        largest = Math.max(largest, Math.abs(difference));
      }
    }
  }
  expect(seq).toBeGreaterThan(0);
  return largest;
}

async function runModel(model: CausalLm, tokenIds: HostArray): Promise<Record<string, HostArray>> {
  const executable = await compile(
    ({ ids }) => {
      const { output, states } = model.forward(ids);
      const named: Record<string, Tensor> = Object.fromEntries(states.map((state, layer) => [`states.${layer}`, state]));
      return { logits: model.head(output), output, ...named };
    },
    { ids: tensorType('int64', ['batch', 'seq']) },
  );
  const results = await executable.run({ ids: tokenIds });
  await executable.release();
  return results;
}

describe.each(goldenNames)('%s against transformers', (name) => {
  it('has its logits and hidden states', async () => {
    const expected = await goldenTensors(name);
    const model = await loadModel(goldenDirectory(name), { cacheDirectory });
    const results = await runModel(model, expected.input_ids!);
    const { layerCount } = model.config;
    const difference = (actual: string, golden: string) =>
      largestDifference(results[actual]!, expected[golden]!, expected.lengths!);
    expect(difference('logits', 'logits')).toBeLessThan(1e-5);
    for (let layer = 0; layer < layerCount; layer++) {
      expect(difference(`states.${layer}`, `hidden_states.${layer}`)).toBeLessThan(1e-5);
    }
    expect(difference(`states.${layerCount}`, 'residual_stream.last')).toBeLessThan(2e-5);
    expect(difference('output', `hidden_states.${layerCount}`)).toBeLessThan(1e-5);
  });
});
