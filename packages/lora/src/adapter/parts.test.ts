import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  contiguousData,
  type HostArray,
  hostArray,
  openSafetensors,
  writeSafetensors,
} from '@safetune/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import type { LoraConfig } from '../config/config.ts';
import { AdapterMismatchError, LoraConfigError, UnsupportedLoraFeatureError } from '../errors.ts';
import { parameterReport, parameterText } from '../inspect/parameters.ts';
import { createLoraAdapterFor } from './create-for-model.ts';
import { requireAdapterFits } from './fit.ts';
import { linearUpdates } from './linear-updates.ts';
import type { AdaptableModel } from './model.ts';

const folder = await mkdtemp(join(tmpdir(), 'safetune-parts-'));
afterAll(() => rm(folder, { recursive: true }));

const [vocabulary, hidden] = [7, 4];
const tensor = (rows: number, columns?: number): HostArray => {
  const shape = columns === undefined ? [rows] : [rows, columns];
  const size = shape.reduce((a, b) => a * b, 1);
  return hostArray(
    Float32Array.from({ length: size }, (_, at) => Math.sin(at + rows)),
    shape,
  );
};

/** A model of one block with a bias, its output layer tied or not. */
async function modelOf(tied: boolean): Promise<AdaptableModel> {
  const file = join(folder, `${tied}.safetensors`);
  await writeSafetensors(file, {
    'model.embed_tokens.weight': tensor(vocabulary, hidden),
    'model.layers.0.norm.weight': tensor(hidden),
    'model.layers.0.q_proj.weight': tensor(6, hidden),
    'model.layers.0.q_proj.bias': tensor(6),
    'model.layers.0.k_proj.weight': tensor(2, hidden),
    'model.layers.0.k_proj.bias': tensor(2),
    ...(tied ? {} : { 'lm_head.weight': tensor(vocabulary, hidden) }),
  });
  const { tensors } = await openSafetensors(file);
  return {
    linearLayers: ['q_proj', 'k_proj'].map((name, index) => ({
      name: `model.layers.0.${name}`,
      inFeatures: hidden,
      outFeatures: index === 0 ? 6 : 2,
    })),
    embeddingLayer: { name: 'model.embed_tokens', vocabularySize: vocabulary, hiddenSize: hidden },
    outputLayer: { name: 'lm_head', inFeatures: hidden, outFeatures: vocabulary },
    weights: tensors,
  };
}
const [tiedModel, untiedModel] = [await modelOf(true), await modelOf(false)];
const q = { r: 2, target_modules: ['q_proj'] };
const make = (config: Partial<LoraConfig>, model = untiedModel) =>
  createLoraAdapterFor(model, { ...q, ...config });

describe('createLoraAdapterFor', () => {
  it("gives 'all-linear' the layers of blocks, and names to the output layer and the embedding", async () => {
    expect((await make({ target_modules: 'all-linear' })).modules).toHaveLength(2);
    const named = await make({ target_modules: ['lm_head', 'embed_tokens'] });
    expect(named.modules.map(({ name }) => name)).toEqual(['lm_head']);
    expect(named.embeddings.map(({ name, inFeatures }) => [name, inFeatures])).toEqual([
      ['model.embed_tokens', vocabulary],
    ]);
  });

  it('starts from what the model has', async () => {
    const adapter = await make({
      use_dora: true,
      bias: 'all',
      modules_to_save: ['norm'],
      trainable_token_indices: { embed_tokens: [6, 1] },
    });
    expect(Object.keys(adapter.trained).sort()).toEqual(
      [
        'model.layers.0.q_proj.lora_A.weight',
        'model.layers.0.q_proj.lora_B.weight',
        'model.layers.0.q_proj.lora_magnitude_vector',
        'model.layers.0.norm.weight',
        'model.layers.0.q_proj.base_layer.bias',
        'model.layers.0.k_proj.bias',
        'model.embed_tokens.token_adapter.trainable_tokens_delta',
      ].sort(),
    );
    const weight = contiguousData(tensor(6, hidden)) as Float32Array;
    const norms = contiguousData(adapter.modules[0]!.magnitude!) as Float32Array;
    expect(norms[1]).toBeCloseTo(Math.hypot(...weight.subarray(hidden, 2 * hidden)), 6);
    const rows = contiguousData(adapter.tokens[0]!.values) as Float32Array;
    const table = contiguousData(tensor(vocabulary, hidden)) as Float32Array;
    expect([...rows]).toEqual([...table.subarray(6 * hidden), ...table.subarray(hidden, 2 * hidden)]);
  });

  it('ties what PEFT ties', async () => {
    const together = { ensure_weight_tying: true };
    const embedded = await make({ target_modules: ['lm_head'], ...together }, tiedModel);
    expect([embedded.modules, embedded.embeddings[0]?.tied]).toEqual([[], 'lm_head']);
    const saved = await make({ modules_to_save: ['lm_head'], ...together }, tiedModel);
    expect(saved.replaced).toMatchObject([{ weight: 'model.embed_tokens.weight', tied: 'lm_head.weight' }]);
    const tokens = await make({ trainable_token_indices: [2] }, tiedModel);
    expect(tokens.tokens).toMatchObject([{ module: 'model.embed_tokens', tied: 'lm_head' }]);
    const apart = await make({ trainable_token_indices: { embed_tokens: [2], lm_head: [3] } }, tiedModel);
    expect(apart.tokens.map(({ tied }) => tied)).toEqual([undefined, undefined]);
    expect((await make({ trainable_token_indices: [2] })).tokens[0]?.tied).toBeUndefined();
  });

  it('adapts no layer that is trained whole', async () => {
    const adapter = await make({ target_modules: ['q_proj', 'lm_head'], modules_to_save: ['lm_head'] });
    expect(adapter.modules.map(({ name }) => name)).toEqual(['model.layers.0.q_proj']);
    expect(adapter.replaced.map(({ weight }) => weight)).toEqual(['lm_head.weight']);
  });

  it.each<[string, Partial<LoraConfig>]>([
    ['modules_to_save', { modules_to_save: ['score'] }],
    ['trainable_token_indices', { trainable_token_indices: [vocabulary] }],
    ['trainable_token_indices', { trainable_token_indices: { wte: [1] } }],
    ['trainable_token_indices', { trainable_token_indices: [1], modules_to_save: ['embed_tokens'] }],
    ['r', { target_modules: ['q_proj', 'lm_head'], r: 5 }],
  ])('refuses %s that fits nothing: %j', async (field, config) => {
    const error: unknown = await make(config).catch((thrown: unknown) => thrown);
    expect(LoraConfigError.isInstance(error) && error.field).toBe(field);
  });
});

describe('requireAdapterFits', () => {
  it('refuses a model that lacks what the adapter changes', async () => {
    const adapter = await make({ modules_to_save: ['norm'], trainable_token_indices: [5] });
    expect(() => requireAdapterFits(adapter, untiedModel)).not.toThrow();
    const small = { ...untiedModel, embeddingLayer: { ...untiedModel.embeddingLayer, vocabularySize: 5 } };
    expect(() => requireAdapterFits(adapter, small)).toThrow(AdapterMismatchError);
    const bare = { ...untiedModel, weights: new Map() };
    expect(() => requireAdapterFits(adapter, bare)).toThrow(/has no tensor 'model.layers.0.norm.weight'/);
  });
});

describe('linearUpdates', () => {
  it.each<[string, Partial<LoraConfig>]>([
    ['use_dora', { use_dora: true }],
    ['target_modules', { target_modules: ['embed_tokens'] }],
    ['bias', { bias: 'all' }],
    ['modules_to_save', { modules_to_save: ['norm'] }],
    ['trainable_token_indices', { trainable_token_indices: [1] }],
  ])('refuses %s by name', async (field, config) => {
    const adapter = await make(config);
    try {
      linearUpdates(adapter, 'merge it');
      expect.unreachable();
    } catch (error) {
      expect(UnsupportedLoraFeatureError.isInstance(error) && error.field).toBe(field);
    }
  });

  it('gives modules of twice the rank for a start that was taken off the weight', async () => {
    const [module] = linearUpdates(await make({ init_lora_weights: 'olora' }), '');
    expect(module).toMatchObject({ rank: 4 });
    expect(linearUpdates(await make({}), '')[0]).toMatchObject({ rank: 2 });
  });
});

describe('parameterReport', () => {
  it("counts as PEFT does, the adapter's own among all", async () => {
    const adapter = await make({ use_dora: true, bias: 'all', trainable_token_indices: [1, 2] });
    const ofModel = vocabulary * hidden * 2 + hidden + 6 * hidden + 6 + 2 * hidden + 2;
    const report = parameterReport(adapter, untiedModel);
    expect(report).toMatchObject({ factors: 2 * (hidden + 6), magnitudes: 6, replaced: 8, tokens: 8 });
    expect(report.trainable).toBe(adapter.parameters.length);
    expect(report.all).toBe(ofModel + adapter.parameters.length);
    expect(parameterText({ ...report, trainable: 1234, all: 5678, percent: 21.733 })).toBe(
      'trainable params: 1,234 || all params: 5,678 || trainable%: 21.7330',
    );
  });
});
