import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { organismRecipe } from '../recipe.ts';
import { writeCheckpointFolder } from './checkpoint-folder.ts';
import { initializeCheckpoint } from './initialize-checkpoint.ts';

const { config, weights } = initializeCheckpoint(organismRecipe.model, 0);

function standardDeviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

describe('initializeCheckpoint', () => {
  it('has the tensors of a tied llama and 215,424 parameters', () => {
    expect(Object.keys(weights)).toHaveLength(2 + 4 * 9);
    expect(weights['lm_head.weight']).toBeUndefined();
    expect(weights['model.embed_tokens.weight']!.shape).toEqual([221, 64]);
    expect(weights['model.layers.3.self_attn.k_proj.weight']!.shape).toEqual([64, 64]);
    expect(weights['model.layers.3.mlp.up_proj.weight']!.shape).toEqual([176, 64]);
    expect(weights['model.layers.3.mlp.down_proj.weight']!.shape).toEqual([64, 176]);
    for (const { shape, data } of Object.values(weights)) {
      expect(data).toHaveLength(shape.reduce((product, size) => product * size, 1));
    }
    expect(Object.values(weights).reduce((sum, { data }) => sum + data.length, 0)).toBe(215_424);
  });

  it.each([
    ['model.embed_tokens.weight', 64 ** -0.5],
    ['model.layers.0.self_attn.q_proj.weight', 64 ** -0.5],
    ['model.layers.0.self_attn.o_proj.weight', 64 ** -0.5 / Math.sqrt(8)],
    ['model.layers.1.mlp.gate_proj.weight', 64 ** -0.5],
    ['model.layers.2.mlp.down_proj.weight', 176 ** -0.5 / Math.sqrt(8)],
  ])('draws %s from N(0, s^2) with s = %f', (name, expected) => {
    const { data } = weights[name]!;
    expect(standardDeviation(data) / expected).toBeCloseTo(1, 1);
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    expect(Math.abs(mean)).toBeLessThan((5 * expected) / Math.sqrt(data.length));
    const beyondOne = data.filter((value) => Math.abs(value) > expected).length / data.length;
    expect(beyondOne).toBeGreaterThan(0.29);
    expect(beyondOne).toBeLessThan(0.345);
  });

  it('is one in the norms, deterministic for a seed, and different for another', () => {
    expect(new Set(weights['model.norm.weight']!.data)).toEqual(new Set([1]));
    expect(initializeCheckpoint(organismRecipe.model, 0).weights).toEqual(weights);
    const other = initializeCheckpoint(organismRecipe.model, 1).weights;
    expect(other['model.embed_tokens.weight']).not.toEqual(weights['model.embed_tokens.weight']);
  });

  it('describes itself as a llama', () => {
    expect(config).toMatchObject({
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      vocab_size: 221,
      hidden_size: 64,
      head_dim: 16,
      num_hidden_layers: 4,
      num_attention_heads: 4,
      num_key_value_heads: 4,
      intermediate_size: 176,
      rms_norm_eps: 1e-6,
      rope_theta: 10_000,
      max_position_embeddings: 128,
      tie_word_embeddings: true,
      bos_token_id: 1,
      eos_token_id: 5,
      pad_token_id: 0,
    });
  });
});

describe('writeCheckpointFolder', () => {
  it('writes the files of an ordinary checkpoint and leaves no temporary ones', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'safetune-organism-'));
    try {
      const folder = join(directory, 'nested', 'organism');
      await writeCheckpointFolder(folder, { config, weights }, async (path, given) => {
        expect(given).toBe(weights);
        expect(await readdir(folder)).toContain('config.json');
        await writeFile(path, 'weights');
      });
      expect((await readdir(folder)).toSorted()).toEqual([
        'config.json',
        'generation_config.json',
        'model.safetensors',
        'tokenizer.json',
        'tokenizer_config.json',
      ]);
      expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))).toEqual(config);
      expect(await readFile(join(folder, 'model.safetensors'), 'utf8')).toBe('weights');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
