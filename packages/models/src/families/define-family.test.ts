import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { hostArray, openSafetensors, readTensor, writeSafetensors } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { writeFamilyModel } from '../__fixtures__/family-goldens.ts';
import { checkpointCopies, temporaryDirectory } from '../__fixtures__/goldens.ts';
import { FamilyError, ModelFileError, UnsupportedFeatureError } from '../errors.ts';
import { loadModel } from '../load-model.ts';
import { familyOf, knownModelTypes, registerFamily } from './families.ts';
import {
  architectureConfig,
  decoderConfig,
  decoderSchema,
  defineFamily,
  llamaParts,
  preNormBlock,
  readActivation,
  readRotaryConfig,
} from './index.ts';

const directory = temporaryDirectory();
const copy = checkpointCopies();

const sizes = {
  vocab_size: 96,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 256,
};

function read(modelType: string, settings: object) {
  return familyOf(modelType)!.read({ model_type: modelType, ...sizes, ...settings }, 'config.json');
}

function errorOf(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('a family', () => {
  it.each([
    ['mistral', 'layer_types', { layer_types: ['full_attention', 'sliding_attention'] }],
    ['granite', 'layer_types', { layer_types: ['full_attention', 'sliding_attention'] }],
    ['gemma3_text', 'attn_logit_softcapping', { attn_logit_softcapping: 50 }],
    ['gemma3_text', 'use_bidirectional_attention', { use_bidirectional_attention: true }],
    ['gemma3_text', 'rope_parameters.chunked_attention', { rope_parameters: { chunked_attention: {} } }],
    [
      'gemma3_text',
      'rope_parameters.sliding_attention.rope_type',
      { rope_parameters: { sliding_attention: { rope_type: 'dynamic', factor: 2 } } },
    ],
    ['gemma2', 'hidden_activation', { hidden_activation: 'mish' }],
    ['phi3', 'rope_type', { rope_parameters: { rope_type: 'linear', factor: 2 } }],
    ['phi3', 'attention_bias', { attention_bias: true }],
    ['llama', 'embedding_multiplier', { embedding_multiplier: 12 }],
    ['olmo2', 'clip_qkv', { clip_qkv: 8 }],
    ['llama', 'num_local_experts', { num_local_experts: 8 }],
    ['smollm3', 'partial_rotary_factor', { partial_rotary_factor: 0.5 }],
  ])('%s refuses %s, which would change what it computes', (modelType, setting, settings) => {
    const error = errorOf(() => read(modelType, settings));
    if (!UnsupportedFeatureError.isInstance(error)) throw error;
    expect(error.setting).toBe(setting);
  });

  it.each([
    ['qwen2', { layer_types: ['sliding_attention', 'full_attention'] }, /layer 0 slides/],
    ['gemma2', { sliding_window: null }, /layer 0 slides/],
    ['smollm3', { no_rope_layers: [1] }, /no_rope_layers names 1 layers/],
    ['phi3', { partial_rotary_factor: 0.4 }, /partial_rotary_factor 0.4 of heads of 8/],
    [
      'phi3',
      { rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [1] } },
      /short_factor has 1/,
    ],
    ['granite', { residual_multiplier: '1' }, /residual_multiplier/],
  ])('%s refuses what contradicts itself: %j', (modelType, settings, message) => {
    const error = errorOf(() => read(modelType, settings).block(0));
    if (!ModelFileError.isInstance(error)) throw error;
    expect(error.message).toMatch(message);
  });

  it('says what to do about a key that nobody knows', () => {
    const error = errorOf(() => read('llama', { new_trick: 3 }));
    expect((error as Error).message).toMatch(
      /config\.json: new_trick is 3, .*if it changes nothing in what the model computes, remove it from the file/,
    );
  });

  it('names the linear layers as its checkpoints do, fused ones too', async () => {
    const model = await loadModel(await writeFamilyModel('phi3-partial', join(directory, 'phi3')));
    expect(model.linearLayers.slice(0, 4)).toEqual([
      { name: 'model.layers.0.self_attn.qkv_proj', inFeatures: 32, outFeatures: 64 },
      { name: 'model.layers.0.self_attn.o_proj', inFeatures: 32, outFeatures: 32 },
      { name: 'model.layers.0.mlp.gate_up_proj', inFeatures: 32, outFeatures: 96 },
      { name: 'model.layers.0.mlp.down_proj', inFeatures: 48, outFeatures: 32 },
    ]);
  });

  it('may find its output layer under its former name, beside buffers that nothing needs', async () => {
    const folder = await writeFamilyModel('gpt-neox', join(directory, 'neox'));
    const file = join(folder, 'model.safetensors');
    const { tensors } = await openSafetensors(file);
    const entries = [...tensors].map(async ([name, region]) => [name, await readTensor(region)] as const);
    const { 'lm_head.weight': head, ...others } = Object.fromEntries(await Promise.all(entries));
    await writeSafetensors(join(folder, 'old.safetensors'), {
      ...others,
      'embed_out.weight': head!,
      'gpt_neox.layers.0.attention.bias': hostArray(new Uint8Array(4), [1, 1, 2, 2]),
      'gpt_neox.layers.0.attention.masked_bias': hostArray(new Float32Array(1), []),
    });
    await rename(join(folder, 'old.safetensors'), file);
    const model = await loadModel(folder);
    expect(model.weights.has('embed_out.weight')).toBe(true);
    expect([...model.weights.keys()].some((name) => name.endsWith('masked_bias'))).toBe(false);
  });
});

describe('registerFamily', () => {
  const mine = defineFamily({
    modelType: 'my_llama',
    schema: decoderSchema,
    architecture(fields, file) {
      const config = decoderConfig(fields, file);
      const rotary = readRotaryConfig(fields, config, file);
      const activation = readActivation(fields.hidden_act, file);
      const { ends, block } = llamaParts(config, { epsilon: fields.rms_norm_eps });
      return {
        config: architectureConfig(config, { activation, rotary }),
        ...ends,
        block(layer) {
          const parts = block(layer);
          return preNormBlock(parts, {
            attention: parts.attention({ rotary }),
            mlp: parts.mlp({ activation }),
          });
        },
      };
    },
  });

  it('makes a family known to loadModel', async () => {
    const config = { model_type: 'my_llama', attention_bias: undefined, mlp_bias: undefined };
    const folder = await copy('llama-untied-float32', { config });
    await expect(loadModel(folder)).rejects.toThrow(/model_type 'my_llama' is not supported/);
    registerFamily(mine);
    registerFamily(mine);
    const model = await loadModel(folder);
    expect(model.config.modelType).toBe('my_llama');
    expect(model.linearLayers).toHaveLength(14);
    expect(knownModelTypes()).toContain('my_llama');
  });

  it('refuses a second family of one model_type', () => {
    const error = errorOf(() => registerFamily({ ...mine, modelType: 'llama' }));
    expect(FamilyError.isInstance(error) && error.modelType).toBe('llama');
  });
});
