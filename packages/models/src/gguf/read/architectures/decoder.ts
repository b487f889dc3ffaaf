import type { ArchitectureSource } from './architecture.ts';
import { type RopeFacts, readRopeSettings } from './rope-settings.ts';

/** The blocks of Llama and most others. */
export const decoderBlocks = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
} as const;

/** The sizes that the families share, and what they are called in config.json. */
export interface DecoderSizes {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly head_dim: number;
  readonly max_position_embeddings: number;
  readonly [key: string]: unknown;
}

/** The part of config.json that the families share, with rotary positions that all layers share. */
export async function decoderConfig(
  source: ArchitectureSource,
  { base }: Omit<RopeFacts, 'headSize'> = {},
): Promise<DecoderSizes> {
  const sizes = decoderSizes(source);
  const rope = await readRopeSettings(source, {
    headSize: sizes.head_dim,
    ...(base === undefined ? {} : { base }),
  });
  return { ...sizes, ...rope };
}

/** As {@link decoderConfig}, without rotary positions. */
export function decoderSizes({ keys, tensors }: ArchitectureSource): DecoderSizes {
  const hiddenSize = keys.requiredCount('embedding_length');
  const heads = keys.metadata.required(
    `${keys.architecture}.attention.head_count`,
    keys.sharedCount('attention.head_count'),
  );
  const headSize = keys.count('attention.key_length') ?? hiddenSize / Math.max(1, heads);
  keys.requireOneOf('attention.value_length', [headSize]);
  // For what it is worth: the embedding itself says how many rows it has.
  keys.count('vocab_size');
  keys.requireOneOf('attention.causal', [true]);
  // Mixtures of experts.
  keys.requireOneOf('expert_count', [0]);
  keys.requireOneOf('expert_used_count', [0]);
  // How the converter left the tensors; the one kind that there is.
  keys.requireOneOf('tensor_data_layout', ['Meta AI original pth', 'reference']);
  const [vocabularySize] = tensors.get('token_embd.weight')?.shape ?? [];
  return {
    vocab_size: keys.metadata.required('token_embd.weight', vocabularySize),
    hidden_size: hiddenSize,
    intermediate_size: keys.metadata.required(
      `${keys.architecture}.feed_forward_length`,
      keys.sharedCount('feed_forward_length'),
    ),
    num_hidden_layers: keys.requiredCount('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: keys.sharedCount('attention.head_count_kv') ?? heads,
    head_dim: headSize,
    max_position_embeddings: keys.requiredCount('context_length'),
    rms_norm_eps: keys.metadata.required(
      `${keys.architecture}.attention.layer_norm_rms_epsilon`,
      keys.number('attention.layer_norm_rms_epsilon'),
    ),
    // llama.cpp takes the embedding where there is no output layer.
    tie_word_embeddings: !tensors.has('output.weight'),
  };
}
