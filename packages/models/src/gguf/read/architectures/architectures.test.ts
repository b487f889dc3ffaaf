import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compile, hostArray, tensorType } from '@safetune/tensor';
import { expect, it } from 'vitest';
import { formulaWeight } from '../../../../../../conformance/formula-weights.ts';
import { familyExpectations, writeFamilyModel } from '../../../__fixtures__/family-goldens.ts';
import { temporaryDirectory } from '../../../__fixtures__/goldens.ts';
import { loadModel } from '../../../load-model.ts';
import { type GgufTensorContent, ggufBytes, listType, textType } from '../__fixtures__/gguf-bytes.ts';

const directory = temporaryDirectory();

/** gguf-py's names (`get_tensor_name_map`) of what stands behind `model.layers.N.`. */
const usual: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.qkv_proj': 'attn_qkv',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.gate_up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};
const sandwich = {
  ...usual,
  post_attention_layernorm: 'post_attention_norm',
  pre_feedforward_layernorm: 'ffn_norm',
  post_feedforward_layernorm: 'post_ffw_norm',
};
const ends: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
};

interface Case {
  readonly golden: string;
  readonly architecture: string;
  /** What the golden's config.json says otherwise, where GGUF cannot say the same. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Keys of the architecture besides the usual ones: type and value. */
  readonly keys?: Readonly<Record<string, readonly [number, unknown]>>;
  readonly names?: Readonly<Record<string, string>>;
  readonly interleaved?: boolean;
  readonly oneAdded?: boolean;
  readonly lists?: Readonly<Record<string, readonly number[]>>;
}

const [unsigned, float] = [4, 6];
const head16 = { 'attention.key_length': [unsigned, 16], 'attention.value_length': [unsigned, 16] } as const;
const cases: readonly Case[] = [
  { golden: 'qwen3', architecture: 'qwen3', keys: head16 },
  {
    golden: 'smollm3',
    architecture: 'smollm3',
    config: { hidden_act: 'silu', no_rope_layer_interval: 4, no_rope_layers: [1, 1, 1, 0] },
    keys: { 'rope.freq_base': [float, 2_000_000] },
    interleaved: true,
  },
  {
    golden: 'granite',
    architecture: 'granite',
    config: { hidden_act: 'silu' },
    keys: {
      'attention.scale': [float, 0.2],
      embedding_scale: [float, 6],
      residual_scale: [float, 0.4],
      logit_scale: [float, 0.5],
    },
    interleaved: true,
  },
  {
    golden: 'gemma2',
    architecture: 'gemma2',
    config: { query_pre_attn_scalar: 16 },
    keys: {
      ...head16,
      'attention.sliding_window': [unsigned, 8],
      attn_logit_softcapping: [float, 2],
      final_logit_softcapping: [float, 4],
    },
    names: sandwich,
    oneAdded: true,
  },
  {
    golden: 'gemma3',
    architecture: 'gemma3',
    config: { query_pre_attn_scalar: 16, layer_types: Array(3).fill('sliding_attention') },
    keys: {
      ...head16,
      'attention.sliding_window': [unsigned, 8],
      'rope.freq_base': [float, 1_000_000],
      'rope.scaling.type': [textType, 'linear'],
      'rope.scaling.factor': [float, 8],
    },
    names: sandwich,
    oneAdded: true,
  },
  {
    golden: 'phi3-longrope',
    architecture: 'phi3',
    keys: {
      'attention.sliding_window': [unsigned, 0],
      'rope.dimension_count': [unsigned, 8],
      'rope.scaling.original_context_length': [unsigned, 24],
      'rope.scaling.attn_factor': [float, 1.3],
    },
    lists: {
      'rope_factors_long.weight': [1.5, 2.2, 2.9, 3.6],
      'rope_factors_short.weight': [1, 1.05, 1.1, 1.15],
    },
  },
  {
    golden: 'phi3-partial',
    architecture: 'phi3',
    keys: { 'attention.sliding_window': [unsigned, 9], 'rope.dimension_count': [unsigned, 4] },
  },
  {
    golden: 'olmo2',
    architecture: 'olmo2',
    names: {
      ...usual,
      post_attention_layernorm: 'post_attention_norm',
      post_feedforward_layernorm: 'post_ffw_norm',
    },
  },
  {
    golden: 'llama-yarn',
    architecture: 'llama',
    keys: {
      ...head16,
      'rope.scaling.type': [textType, 'yarn'],
      'rope.scaling.factor': [float, 4],
      'rope.scaling.original_context_length': [unsigned, 64],
      'rope.scaling.yarn_beta_fast': [float, 8],
    },
    interleaved: true,
  },
  {
    golden: 'llama-llama3-biases',
    architecture: 'llama',
    keys: { ...head16, 'rope.scaling.original_context_length': [unsigned, 64] },
    interleaved: true,
    // What convert_hf_to_gguf.py computes from the golden's settings.
    lists: {
      'rope_freqs.weight': [1, 1.2418235, 3.926991, 4, 4, 4, 4, 4],
    },
  },
];

it.each(cases)('$golden as GGUF computes what its folder does', async (each) => {
  const folder = await writeFamilyModel(each.golden, join(directory, each.golden));
  const file = join(folder, 'config.json');
  const config = { ...(JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>), ...each.config };
  await writeFile(file, JSON.stringify(config));
  const gguf = join(directory, `${each.golden}.gguf`);
  await writeFile(gguf, ggufBytes(await contentOf(each, config)));
  const ids = hostArray(
    BigInt64Array.from({ length: 70 }, (_, index) => BigInt((index * 37) % 96)),
    [1, 70],
  );
  const [expected, actual] = [await logitsOf(folder), await logitsOf(gguf)];
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest).toBeGreaterThan(0.1);
  const differences = Array.from(expected, (value, index) => Math.abs(value - actual[index]!));
  expect(Math.max(...differences)).toBeLessThan(2e-5 * Math.max(1, largest));

  async function logitsOf(path: string): Promise<Float32Array> {
    const model = await loadModel(path, { cacheDirectory: directory });
    const executable = await compile(({ tokens }) => ({ logits: model.head(model.forward(tokens).output) }), {
      tokens: tensorType('int64', ['batch', 'seq']),
    });
    const { logits } = await executable.run({ tokens: ids });
    await executable.release();
    return logits.data as Float32Array;
  }
});

async function contentOf(each: Case, config: Readonly<Record<string, unknown>>) {
  const { architecture, keys = {}, names = usual, lists = {} } = each;
  const expected = await familyExpectations(each.golden);
  const count = (key: string) => config[key] as number;
  const sizes: Readonly<Record<string, readonly [number, unknown]>> = {
    context_length: [unsigned, count('max_position_embeddings')],
    embedding_length: [unsigned, count('hidden_size')],
    block_count: [unsigned, count('num_hidden_layers')],
    feed_forward_length: [unsigned, count('intermediate_size')],
    'attention.head_count': [unsigned, count('num_attention_heads')],
    'attention.head_count_kv': [unsigned, count('num_key_value_heads')],
    'attention.layer_norm_rms_epsilon': [float, count('rms_norm_eps')],
  };
  const metadata = [
    ['general.architecture', textType, architecture] as const,
    ...Object.entries({ ...sizes, ...keys }).map(
      ([key, [type, value]]) => [`${architecture}.${key}`, type, value] as const,
    ),
    ['tokenizer.ggml.tokens', listType, [textType, ['a']]] as const,
  ];
  const tensors = Object.entries(expected.tensors).map(([name, shape]): GgufTensorContent => {
    const [, module = '', part] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
    const [, layer, inner = ''] = /^model\.layers\.(\d+)\.(.*)$/.exec(module) ?? [];
    const own = layer === undefined ? ends[module] : `blk.${layer}.${names[inner]}`;
    let values = Float32Array.from(formulaWeight(name, shape, expected));
    if (each.oneAdded && module.endsWith('norm')) values = values.map((value) => value + 1);
    const heads = /q_proj$/.test(module) ? count('num_attention_heads') : count('num_key_value_heads');
    if (each.interleaved && /[qk]_proj$/.test(module)) values = interleaved(values, shape, heads);
    return { name: `${own}.${part}`, extents: [...shape].reverse(), data: new Uint8Array(values.buffer) };
  });
  const extra = Object.entries(lists).map(([name, values]) => ({
    name,
    extents: [values.length],
    data: new Uint8Array(Float32Array.from(values).buffer),
  }));
  return { metadata, tensors: [...tensors, ...extra] };
}

/** convert_hf_to_gguf.py's `LlamaModel.permute`: row (head, half, i) goes to (head, i, half). */
function interleaved(
  values: Float32Array<ArrayBuffer>,
  shape: readonly number[],
  heads: number,
): Float32Array<ArrayBuffer> {
  const columns = shape[1] ?? 1;
  const size = shape[0]! / heads;
  const moved = new Float32Array(values.length);
  for (let row = 0; row < shape[0]!; row++) {
    const [head, inHead] = [Math.floor(row / size), row % size];
    const [half, index] = [Math.floor(inHead / (size / 2)), inHead % (size / 2)];
    const target = head * size + 2 * index + half;
    moved.set(values.subarray(row * columns, (row + 1) * columns), target * columns);
  }
  return moved;
}
