/** EWC and AsFT in real runs: files of their own, an adapter that is pulled, and refusals before the first step. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoraAdapter, type LoraAdapter, weightUpdate } from '@safetune/lora';
import { type CausalLm, loadModel, loadTokenizer } from '@safetune/models';
import {
  asft,
  ewc,
  FisherError,
  type Regularizer,
  safetyAlignment,
  saveFisher,
} from '@safetune/regularizers';
import { contiguousData, hostArray } from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointDirectory, goldensDirectory } from '../__fixtures__/goldens.ts';
import { examples } from '../__fixtures__/small-run.ts';
import { estimateFisher } from '../answers/estimate-fisher.ts';
import { trainAdapter, trainAllWeights } from '../step/trainable.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';

const base = checkpointDirectory('qwen2-tied-bfloat16');
const aligned = goldensDirectory('safe-lora/aligned');

let folder: string;
let model: CausalLm;
let common: Pick<TrainOptions, 'model' | 'tokenizer' | 'examples' | 'batchSize' | 'learningRate'>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-parameter-methods-'));
  model = await loadModel(aligned, { cacheDirectory: join(folder, 'cache') });
  const tokenizer = await loadTokenizer(base);
  common = { model, tokenizer, examples, batchSize: 4, learningRate: { peak: 1e-2 } };
});
afterAll(() => rm(folder, { recursive: true }));

const newAdapter = (fields: object = {}) =>
  createLoraAdapter(
    model.linearLayers,
    { r: 4, lora_alpha: 8, target_modules: ['q_proj', 'up_proj', 'down_proj'], ...fields },
    { seed: 1 },
  );

async function trained(
  regularizer: Regularizer,
  options: Partial<TrainOptions> = {},
): Promise<{ adapter: LoraAdapter; last: number }> {
  const adapter = newAdapter();
  const { last } = await train({
    ...common,
    steps: 10,
    regularizers: [regularizer],
    trainable: trainAdapter(adapter),
    ...options,
  });
  return { adapter, last: last!.penalties[regularizer.name]! };
}

/** Half the sum of F D^2 over the updates D, formed. */
function information(adapter: LoraAdapter, fisher: Readonly<Record<string, ArrayLike<number>>>): number {
  let total = 0;
  for (const module of adapter.modules) {
    const update = contiguousData(weightUpdate(module)) as Float32Array;
    const diagonal = fisher[`${module.name}.weight`]!;
    update.forEach((value, index) => {
      total += diagonal[index]! * value * value;
    });
  }
  return total / 2;
}

describe('EWC', () => {
  let file: string;
  let fisher: Record<string, ArrayLike<number>>;
  beforeAll(async () => {
    file = join(folder, 'fisher.safetensors');
    const estimated = await estimateFisher({ ...common, examples: examples.slice(0, 4), weights: 'all' });
    await saveFisher(file, estimated);
    fisher = Object.fromEntries(
      Object.entries(estimated.weights).map(([name, { data }]) => [name, data as Float32Array]),
    );
  });

  it.each(['whole', 'layered'] as const)('holds what safe answers depend on, %s', async (memory) => {
    const free = await trained(ewc({ fisher: file, weight: 0 }), { memory });
    const held = await trained(ewc({ fisher: file, weight: 50 }), { memory });
    const [of, ofHeld] = [information(free.adapter, fisher), information(held.adapter, fisher)];
    expect(ofHeld).toBeGreaterThan(0);
    expect(ofHeld).toBeLessThan(0.3 * of);
  });

  it('goes with training all weights', async () => {
    const distances: number[] = [];
    for (const weight of [0, 1000]) {
      const trainable = await trainAllWeights(model);
      const start = trainable.parameters.slice();
      const { last } = await train({
        ...common,
        steps: 5,
        learningRate: { peak: 1e-3 },
        regularizers: [ewc({ fisher: file, weight })],
        trainable,
      });
      distances.push(last!.penalties.ewc!);
      expect(trainable.parameters).not.toEqual(start);
    }
    expect(distances[1]).toBeGreaterThan(0);
    expect(distances[1]).toBeLessThan(0.5 * distances[0]!);
  });

  it('refuses a file of another model, of other shapes, or of no information, by the weight', async () => {
    const name = 'model.layers.0.self_attn.q_proj.weight';
    const [rows, columns] = [32, 32];
    const wrong = async (weights: Parameters<typeof saveFisher>[1]['weights']) => {
      const path = join(folder, 'wrong.safetensors');
      await saveFisher(path, { weights, examples: 1, tokens: 1 });
      return trained(ewc({ fisher: path })).catch((error: unknown) => error);
    };
    const missing = await wrong({ other: hostArray(Float32Array.of(1), [1]) });
    expect(FisherError.isInstance(missing) && missing.weight).toBe(name);
    expect(`${missing}`).toContain('there is no tensor of this name');
    expect(`${await wrong({ [name]: hostArray(new Float32Array(6), [2, 3]) })}`).toContain(
      `it is float32 [2, 3], must be float32 [${rows}, ${columns}]`,
    );
    const negative = new Float32Array(rows * columns).fill(1);
    negative[7] = -1;
    expect(`${await wrong({ [name]: hostArray(negative, [rows, columns]) })}`).toContain('it holds -1');
    await expect(trained(ewc({ fisher: join(folder, 'none.safetensors') }))).rejects.toThrow(
      'none.safetensors',
    );
  });

  it('refuses an adapter that trains more than linear layers', async () => {
    const adapter = newAdapter();
    const norm = 'model.norm.weight';
    const trainable = trainAdapter(adapter);
    const tensors = { ...trainable.tensors, [norm]: hostArray(adapter.parameters.subarray(0, 32), [32]) };
    const run = train({
      ...common,
      steps: 1,
      regularizers: [ewc({ fisher: file })],
      trainable: { ...trainable, tensors },
    });
    await expect(run).rejects.toThrow(`'${norm}' of this adapter would pass by it`);
  });
});

describe('AsFT', () => {
  it.each(['whole', 'layered'] as const)(
    'turns updates towards the direction of alignment, %s',
    async (memory) => {
      const free = await trained(asft({ base, aligned, method: 'exact', rank: 8, weight: 0 }), { memory });
      const held = await trained(asft({ base, aligned, method: 'exact', rank: 8, weight: 20 }), { memory });
      const kept = async (adapter: LoraAdapter) => {
        const modules = await safetyAlignment(adapter, { base, aligned, method: 'exact', rank: 8 });
        const shares = modules
          .filter(({ normKept }) => !Number.isNaN(normKept))
          .map(({ normKept }) => normKept);
        return shares.reduce((total, share) => total + share, 0) / shares.length;
      };
      const [ofFree, ofHeld] = [await kept(free.adapter), await kept(held.adapter)];
      expect(ofHeld).toBeGreaterThan(ofFree + 0.1);
      expect(held.last).toBeLessThan(0.3 * free.last);
    },
  );

  it('writes the directions into the cache once, and resumes to the same bytes', async () => {
    const cacheDirectory = join(folder, 'asft-cache');
    const cached = { ...common, model: await loadModel(aligned, { cacheDirectory }) };
    const files = async () =>
      (await readdir(cacheDirectory)).filter((name) => name.endsWith('.safety-directions.safetensors'));
    const whole = await trained(asft({ base, aligned, weight: 0.5 }), { ...cached, steps: 6 });
    const written = await files();
    expect(written).toHaveLength(1);
    const file = join(folder, 'asft-state.safetensors');
    const abort = new AbortController();
    const stopped = trained(asft({ base, aligned, weight: 0.5 }), {
      ...cached,
      steps: 6,
      signal: abort.signal,
      checkpoint: { file, everySteps: 1 },
      onEvent: (event) => {
        if (event.type === 'step' && event.step === 3) abort.abort(new Error('stopped'));
      },
    });
    await expect(stopped).rejects.toThrow('stopped');
    const other = trained(asft({ base, aligned, weight: 0.5, method: 'exact', rank: 2 }), {
      ...cached,
      steps: 6,
      checkpoint: { file, everySteps: 1 },
    });
    await expect(other).rejects.toThrow('regularizer asft: options');
    const resumed = await trained(asft({ base, aligned, weight: 0.5 }), {
      ...cached,
      steps: 6,
      checkpoint: { file, everySteps: 1 },
    });
    expect(resumed.adapter.parameters).toEqual(whole.adapter.parameters);
    expect(await files()).toEqual(written);
  });

  it('refuses checkpoints that do not differ, and training of all weights', async () => {
    await expect(trained(asft({ base: aligned, aligned }))).rejects.toThrow(
      'in this and every other adapted layer',
    );
    const other = checkpointDirectory('llama-untied-float32');
    await expect(trained(asft({ base: other, aligned }))).rejects.toThrow(/q_proj/);
    const all = train({
      ...common,
      steps: 1,
      regularizers: [asft({ base, aligned })],
      trainable: await trainAllWeights(model),
    });
    await expect(all).rejects.toThrow('penalises the updates of an adapter, but all weights are trained');
  });
});
