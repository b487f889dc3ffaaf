import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkpointCopies, goldenDirectory, goldenNames } from './__fixtures__/goldens.ts';
import { ModelFileError, UnsupportedFeatureError, UnsupportedModelError } from './errors.ts';
import { knownModelTypes } from './families/families.ts';
import { readModelConfig } from './read-config.ts';

const copy = checkpointCopies();

async function configOf(directory: string) {
  return (await readModelConfig(directory)).config;
}

describe('readModelConfig', () => {
  it('reads a qwen2 config', async () => {
    expect(await configOf(goldenDirectory('qwen2-tied-bfloat16'))).toEqual({
      modelType: 'qwen2',
      vocabularySize: 392,
      hiddenSize: 32,
      intermediateSize: 64,
      layerCount: 3,
      headCount: 4,
      keyValueHeadCount: 2,
      headSize: 8,
      maximumPositions: 256,
      tieWordEmbeddings: true,
      normEpsilon: 1e-6,
      activation: 'silu',
      rotary: { kind: 'default', base: 1_000_000, features: 8 },
      eosTokenIds: [383],
      bosTokenId: 381,
      padTokenId: 381,
    });
  });

  it('reads a llama config with head_dim', async () => {
    expect(await configOf(goldenDirectory('llama-tied-bfloat16-rope-scaled'))).toMatchObject({
      modelType: 'llama',
      hiddenSize: 48,
      headSize: 16,
      eosTokenIds: [379, 382],
    });
  });

  it.each(goldenNames)('reads the keys of transformers 4 alike: %s', async (name) => {
    const directory = await copy(name);
    await copyFile(join(directory, 'config.version-4.json'), join(directory, 'config.json'));
    expect(await configOf(directory)).toEqual(await configOf(goldenDirectory(name)));
  });

  it('defaults to heads without groups and untied embeddings', async () => {
    const config = {
      rope_parameters: undefined,
      num_key_value_heads: null,
      head_dim: null,
      tie_word_embeddings: undefined,
    };
    expect(await configOf(await copy('llama-untied-float32', { config }))).toMatchObject({
      keyValueHeadCount: 4,
      headSize: 8,
      tieWordEmbeddings: false,
    });
  });

  it('says from where on positions turn otherwise', async () => {
    const dynamic = { rope_parameters: { rope_type: 'dynamic', factor: 2 } };
    expect(await configOf(await copy('llama-untied-float32', { config: dynamic }))).toMatchObject({
      maximumPositions: 512,
      rotaryChange: { beyond: 256, recomputes: false },
    });
    const factors = { short_factor: [1, 1, 1, 1], long_factor: [2, 3, 4, 5] };
    const long = {
      original_max_position_embeddings: 100,
      rope_scaling: { type: 'longrope', original_max_position_embeddings: 50, ...factors },
    };
    expect(await configOf(await copy('llama-untied-float32', { config: long }))).toMatchObject({
      rotaryChange: { beyond: 100, recomputes: true },
    });
  });

  it.each([
    { hidden_act: 'swish' },
    { is_causal: true },
    { layer_types: ['attention', 'full_attention'] },
    { quantization_config: null, compression_config: null, per_layer_config: null },
  ])('takes other spellings of what it does: %j', async (config) => {
    const plain = await configOf(goldenDirectory('llama-untied-float32'));
    expect(await configOf(await copy('llama-untied-float32', { config }))).toEqual(plain);
  });

  it.each([
    { torch_dtype: 'bfloat16', use_cache: true, _name_or_path: 'a/b', architectures: ['LlamaForCausalLM'] },
    { attention_dropout: 0.1, initializer_range: 0.02, pretraining_tp: 1, transformers_version: '4.40.0' },
    { auto_map: { AutoConfig: 'x' }, unsloth_version: '2026.1', task_specific_params: null },
    { some_switch: false, some_other: null, some_list: [], some_table: {} },
  ])('passes over keys that change nothing: %j', async (config) => {
    const plain = await configOf(goldenDirectory('llama-untied-float32'));
    expect(await configOf(await copy('llama-untied-float32', { config }))).toEqual(plain);
  });

  it('prefers the end tokens of generation_config.json, and does without it', async () => {
    const directory = await copy('qwen2-tied-bfloat16', {
      files: { 'generation_config.json': { eos_token_id: [1, 2] } },
    });
    expect((await configOf(directory)).eosTokenIds).toEqual([1, 2]);
    await rm(join(directory, 'generation_config.json'));
    expect((await configOf(directory)).eosTokenIds).toEqual([383]);
  });
});

describe('readModelConfig refuses', () => {
  it('a folder without config.json', async () => {
    const directory = await copy('llama-untied-float32', { without: ['config.json'] });
    const error: unknown = await readModelConfig(directory).catch((caught: unknown) => caught);
    expect(ModelFileError.isInstance(error) && error.file).toBe(join(directory, 'config.json'));
  });

  it('what is not JSON', async () => {
    const directory = await copy('llama-untied-float32', { files: { 'config.json': '{"model_type": ' } });
    await expect(readModelConfig(directory)).rejects.toThrow(/config\.json: is not JSON/);
  });

  it.each([
    ['mamba', 'mamba'],
    [undefined, undefined],
  ])('model_type %s, naming what is supported', async (modelType, named) => {
    const directory = await copy('llama-untied-float32', { config: { model_type: modelType } });
    const error: unknown = await readModelConfig(directory).catch((caught: unknown) => caught);
    if (!UnsupportedModelError.isInstance(error)) throw error;
    expect(error.modelType).toBe(named);
    expect(error.supported).toEqual(knownModelTypes());
    expect(error.message).toContain('supported are gemma2, gemma3_text, gpt_neox');
  });

  it('wrong values, naming every key', async () => {
    const directory = await copy('llama-untied-float32', {
      config: { hidden_size: 'wide', num_hidden_layers: 0, vocab_size: undefined },
    });
    const error: unknown = await readModelConfig(directory).catch((caught: unknown) => caught);
    expect(ModelFileError.isInstance(error)).toBe(true);
    for (const key of ['hidden_size', 'num_hidden_layers', 'vocab_size'])
      expect((error as Error).message).toContain(key);
  });

  it.each([
    [{ num_key_value_heads: 3 }, /cannot share 3/],
    [{ head_dim: 7 }, /7 features .* must be even/],
    [{ rope_parameters: { rope_type: 'linear' } }, /rope_parameters\.factor/],
    [{ rope_parameters: { rope_type: 'llama3', factor: 8 } }, /low_freq_factor/],
    [{ rope_parameters: { rope_type: 'yarn', factor: 0.5 } }, /rope_parameters\.factor/],
    [{ rope_parameters: { rope_type: 'dynamic', factor: 1e308 } }, /rope_parameters\.factor/],
    [
      {
        original_max_position_embeddings: 1,
        rope_parameters: { rope_type: 'longrope', short_factor: [1, 1, 1, 1], long_factor: [2, 3, 4, 5] },
      },
      /rope_parameters: the values given come to Infinity as attentionFactor/,
    ],
    [
      { rope_parameters: { rope_type: 'longrope', short_factor: [1], long_factor: [1] } },
      /short_factor has 1 numbers for 4/,
    ],
    [{ layer_types: ['full_attention'] }, /layer_types names 1 layers, num_hidden_layers is 2/],
    [{ vocab_size: 2 ** 40 }, /vocab_size/],
    [{ hidden_size: 1e300 }, /hidden_size/],
  ])('sizes that contradict each other or miss: %j', async (config, message) => {
    const directory = await copy('llama-untied-float32', { config });
    const error: unknown = await readModelConfig(directory).catch((caught: unknown) => caught);
    expect(ModelFileError.isInstance(error)).toBe(true);
    expect((error as Error).message).toMatch(message);
  });

  it.each([
    ['rope_parameters.rope_type', { rope_parameters: { rope_type: 'proportional', factor: 4 } }],
    ['rope_scaling.rope_type', { rope_scaling: { type: 'mrope' } }],
    ['rope_scaling.mrope_section', { rope_scaling: { type: 'default', mrope_section: [1, 2] } }],
    ['rope_parameters.full_attention', { rope_parameters: { full_attention: { rope_type: 'default' } } }],
    ['partial_rotary_factor', { partial_rotary_factor: 0.5 }],
    ['hidden_act', { hidden_act: 'xielu' }],
    ['layer_types', { layer_types: ['full_attention', 'full_attention', 'chunked_attention'] }],
    ['use_bidirectional_attention', { use_bidirectional_attention: true }],
    ['attention_multiplier', { attention_multiplier: 0.5 }],
    ['quantization_config', { quantization_config: { quant_method: 'gptq' } }],
    ['compression_config', { compression_config: { format: 'pack-quantized' } }],
    ['is_causal', { is_causal: false }],
    ['per_layer_config', { per_layer_config: { 0: { intermediate_size: 8 } } }],
  ])('a feature that is not implemented: %s', async (setting, config) => {
    const directory = await copy('qwen2-tied-bfloat16', { config });
    const error: unknown = await readModelConfig(directory).catch((caught: unknown) => caught);
    if (!UnsupportedFeatureError.isInstance(error)) throw error;
    expect(error.setting).toBe(setting);
    expect(error.message).toContain(join(directory, 'config.json'));
  });
});
