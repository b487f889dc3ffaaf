import {
  add,
  compile,
  type HostArray,
  hostArray,
  multiply,
  readTensor,
  scalar,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { goldenDirectory, goldenNames, goldenTensors, temporaryDirectory } from './__fixtures__/goldens.ts';
import type { CausalLm, ForwardOptions } from './causal-lm.ts';
import { plainLinear } from './linear.ts';
import { loadModel } from './load-model.ts';

const cacheDirectory = temporaryDirectory();

/** Largest difference over the rows of real tokens. */
function largestDifference(actual: HostArray, expected: HostArray, lengths: HostArray): number {
  const [batch, seq, width] = expected.shape as [number, number, number];
  expect(actual.shape).toEqual(expected.shape);
  let largest = 0;
  for (let row = 0; row < batch; row++) {
    for (let position = 0; position < Number(lengths.get(row)); position++) {
      for (let feature = 0; feature < width; feature++) {
        const difference =
          Number(actual.get(row, position, feature)) - Number(expected.get(row, position, feature));
        largest = Math.max(largest, Math.abs(difference));
      }
    }
  }
  expect(seq).toBeGreaterThan(0);
  return largest;
}

async function runModel(
  model: CausalLm,
  tokenIds: HostArray,
  options: ForwardOptions = {},
): Promise<Record<string, HostArray>> {
  const executable = await compile(
    ({ ids }) => {
      const { output, states } = model.forward(ids, options);
      const named: Record<string, Tensor> = Object.fromEntries(
        states.map((state, layer) => [`states.${layer}`, state]),
      );
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

function tokens(...rows: number[][]): HostArray {
  return hostArray(BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]!.length]);
}

describe('a model', () => {
  it('names its linear layers in the order of computation, without the output layer', async () => {
    const { linearLayers } = await loadModel(goldenDirectory('llama-untied-float32'));
    expect(linearLayers).toHaveLength(14);
    expect(linearLayers.slice(0, 7)).toEqual([
      { name: 'model.layers.0.self_attn.q_proj', inFeatures: 32, outFeatures: 32 },
      { name: 'model.layers.0.self_attn.k_proj', inFeatures: 32, outFeatures: 16 },
      { name: 'model.layers.0.self_attn.v_proj', inFeatures: 32, outFeatures: 16 },
      { name: 'model.layers.0.self_attn.o_proj', inFeatures: 32, outFeatures: 32 },
      { name: 'model.layers.0.mlp.gate_proj', inFeatures: 32, outFeatures: 64 },
      { name: 'model.layers.0.mlp.up_proj', inFeatures: 32, outFeatures: 64 },
      { name: 'model.layers.0.mlp.down_proj', inFeatures: 64, outFeatures: 32 },
    ]);
  });

  it('puts every linear layer through the function given, with its bias where it has one', async () => {
    const model = await loadModel(goldenDirectory('qwen2-untied-float32-sharded'));
    const ids = tokens([3, 1, 4, 1, 5]);
    const plain = await runModel(model, ids);
    const seen: string[] = [];
    const biased: string[] = [];
    const same = await runModel(model, ids, {
      linear: (x, layer, weights) => {
        seen.push(layer.name);
        if (weights.bias !== undefined) biased.push(layer.name);
        expect(weights.weight.shape).toEqual([layer.outFeatures, layer.inFeatures]);
        return plainLinear(x, layer, weights);
      },
    });
    expect(seen).toEqual(model.linearLayers.map(({ name }) => name));
    expect(biased).toEqual(seen.filter((name) => /[qkv]_proj$/.test(name)));
    expect(same.logits!.data).toEqual(plain.logits!.data);
  });

  it('hands every state of the residual stream to the hook, and goes on with what it gives back', async () => {
    const model = await loadModel(goldenDirectory('llama-untied-float32'));
    const ids = tokens([3, 1, 4, 1, 5]);
    const plain = await runModel(model, ids);
    const pushed = await runModel(model, ids, {
      hidden: (state, layer) => (layer === 1 ? add(state, scalar(0.25)) : state),
    });
    expect(pushed['states.0']!.data).toEqual(plain['states.0']!.data);
    const [before, after] = [plain['states.1']!.data, pushed['states.1']!.data];
    after.forEach((value, index) => {
      expect(Number(value)).toBeCloseTo(Number(before[index]) + 0.25, 5);
    });
    expect(pushed['states.2']!.data).not.toEqual(plain['states.2']!.data);
    expect(pushed.logits!.data).not.toEqual(plain.logits!.data);
  });

  it('lets padding on the right change nothing before it', async () => {
    const model = await loadModel(goldenDirectory('qwen2-untied-float32-sharded'));
    const [alone, padded] = [
      await runModel(model, tokens([3, 1, 4])),
      await runModel(model, tokens([3, 1, 4, 0, 0], [9, 2, 6, 5, 3])),
    ];
    const { vocabularySize } = model.config;
    for (let index = 0; index < 3 * vocabularySize; index++) {
      expect(padded.logits!.data[index]).toBeCloseTo(Number(alone.logits!.data[index]), 5);
    }
  });

  it('takes weights as inputs: every one is asked for by its name, a tied embedding once', async () => {
    for (const name of ['qwen2-tied-bfloat16', 'llama-untied-float32'] as const) {
      const model = await loadModel(goldenDirectory(name), { cacheDirectory });
      const ids = tokens([3, 1, 4, 1, 5]);
      const plain = await runModel(model, ids);
      const values = Object.fromEntries(
        await Promise.all(
          [...model.weights].map(async ([key, region]) => [key, await readTensor(region)] as const),
        ),
      );
      const used = new Set<string>();
      const executable = await compile(
        ({ ids: traced, ...inputs }: Readonly<Record<string, Tensor>>) => {
          const weight = (key: string) => {
            used.add(key);
            return inputs[key]!;
          };
          return { logits: model.head(model.forward(traced!, { weight }).output, { weight }) };
        },
        {
          ids: tensorType('int64', ['batch', 'seq']),
          ...Object.fromEntries(
            Object.entries(values).map(([key, { shape }]) => [key, tensorType('float32', shape)]),
          ),
        },
      );
      const { logits } = await executable.run({ ids, ...values });
      await executable.release();
      expect([...used].sort()).toEqual([...model.weights.keys()].sort());
      logits!.data.forEach((value, index) => {
        expect(value).toBeCloseTo(Number(plain.logits!.data[index]), 5);
      });
    }
  });

  it('runs twice in one graph, as a reference beside an adapted pass', async () => {
    const model = await loadModel(goldenDirectory('llama-untied-float32'));
    const executable = await compile(
      ({ ids }) => {
        const reference = model.forward(ids).output;
        const adapted = model.forward(ids, {
          linear: (x, layer, weights) => multiply(plainLinear(x, layer, weights), scalar(1.5)),
        }).output;
        return { reference: model.head(reference), adapted: model.head(adapted) };
      },
      { ids: tensorType('int64', ['batch', 'seq']) },
    );
    const ids = tokens([3, 1, 4, 1, 5]);
    const { reference, adapted } = await executable.run({ ids });
    await executable.release();
    expect(reference.data).toEqual((await runModel(model, ids)).logits!.data);
    expect(adapted.data).not.toEqual(reference.data);
  });
});
