import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostArray, writeSafetensors } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { formulaWeight } from '../../../../../conformance/formula-weights.ts';
import { pythonWith, runPython } from '../../../../../conformance/python.ts';
import { goldenDirectory, temporaryDirectory } from '../../__fixtures__/goldens.ts';
import { createGenerator } from '../../generate/generate.ts';
import { loadModel } from '../../load-model.ts';
import { writeGgufModel } from './model.ts';

const directory = temporaryDirectory();
const newTokens = 16;

const sizes = {
  vocab_size: 392,
  hidden_size: 32,
  intermediate_size: 48,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: true,
};
const queryKeyNorms = { 'self_attn.q_norm': [16], 'self_attn.k_norm': [16] };
const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64, rope_theta: 10_000 };

interface SmallFamily {
  readonly config: Readonly<Record<string, unknown>> & { readonly num_hidden_layers: number };
  /** Tensors of a block that Llama's has not, without `.weight`. */
  readonly blockTensors?: Readonly<Record<string, readonly number[]>>;
  readonly normsAround?: number;
}

const families: Readonly<Record<string, SmallFamily>> = {
  gemma3: {
    // One layer of six has full attention.
    config: {
      model_type: 'gemma3_text',
      num_hidden_layers: 7,
      sliding_window: 8,
      query_pre_attn_scalar: 16,
      rope_scaling: { rope_type: 'linear', factor: 8 },
    },
    blockTensors: {
      ...queryKeyNorms,
      pre_feedforward_layernorm: [32],
      post_feedforward_layernorm: [32],
    },
    normsAround: 0,
  },
  qwen3: { config: { model_type: 'qwen3', num_hidden_layers: 2 }, blockTensors: queryKeyNorms },
  mistral: { config: { model_type: 'mistral', num_hidden_layers: 2, sliding_window: null } },
  'llama-yarn': { config: { model_type: 'llama', num_hidden_layers: 2, rope_parameters: yarn } },
};

/** A model folder with weights by a formula, and the tokenizer of another. */
async function writeModel(
  folder: string,
  { config, blockTensors, normsAround = 1 }: SmallFamily,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...sizes, ...config }));
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    await copyFile(join(goldenDirectory('qwen2-tied-bfloat16'), file), join(folder, file));
  }
  const block = {
    'self_attn.q_proj': [64, 32],
    'self_attn.k_proj': [32, 32],
    'self_attn.v_proj': [32, 32],
    'self_attn.o_proj': [32, 64],
    'mlp.gate_proj': [48, 32],
    'mlp.up_proj': [48, 32],
    'mlp.down_proj': [32, 48],
    input_layernorm: [32],
    post_attention_layernorm: [32],
    ...blockTensors,
  };
  const shapes = [
    ['model.embed_tokens', [392, 32]] as const,
    ['model.norm', [32]] as const,
    ...Array.from({ length: config.num_hidden_layers }, (_, layer) =>
      Object.entries(block).map(([name, shape]) => [`model.layers.${layer}.${name}`, shape] as const),
    ).flat(),
  ];
  const tensors = shapes.map(([name, shape]) => {
    const values = formulaWeight(`${name}.weight`, shape, { salt: ' llama.cpp', normsAround });
    return [`${name}.weight`, hostArray(values, shape)] as const;
  });
  await writeSafetensors(join(folder, 'model.safetensors'), Object.fromEntries(tensors));
}

describe.skipIf(pythonWith('xllamacpp') === undefined || pythonWith() === undefined)(
  'live, in llama.cpp (skipped: no Python with xllamacpp)',
  () => {
    it.each(Object.entries(families))('%s answers as here, beyond its window', async (name, family) => {
      const folder = join(directory, name);
      await writeModel(folder, family);
      const file = join(directory, `${name}.gguf`);
      await writeGgufModel(folder, file, { type: 'f32' });
      const prompts = [20, 5].map((length) => Array.from({ length }, (_, index) => (index * 37 + 11) % 300));
      const input = join(directory, `${name}.json`);
      await writeFile(input, JSON.stringify({ prompts, tokens: newTokens }));
      const { completions } = (await runPython('verify_gguf.py', ['--model', file, '--input', input])) as {
        completions: { tokens: number[] }[];
      };
      const generator = await createGenerator(await loadModel(folder));
      const answers = await generator.generate(prompts, { maxNewTokens: newTokens });
      await generator.release();
      expect(completions.map(({ tokens }) => tokens)).toEqual(answers);
    });
  },
);
