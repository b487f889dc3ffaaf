import type { Architecture, ArchitectureSource, TensorChange } from './architecture.ts';
import { type DecoderSizes, decoderBlocks, decoderConfig } from './decoder.ts';

/** Norms before and after attention and MLP; Gemma 3 has those of queries and keys as well. */
const blocks = {
  ...decoderBlocks,
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
} as const;

function change(name: string): TensorChange | undefined {
  return name.endsWith('_norm') ? { kind: 'one added' } : undefined;
}

/**
 * What scores are divided by the root of. GGUF does not say: llama.cpp knows the two models of 27 billion parameters, where it
 * is not the size of a head, by their number of layers.
 */
function scoreDivisor(sizes: DecoderSizes, layersOf27B: number): number {
  const { hidden_size: hidden, num_attention_heads: heads, num_hidden_layers: layers } = sizes;
  return layers === layersOf27B ? hidden / heads : sizes.head_dim;
}

async function gemmaConfig(source: ArchitectureSource, base: number) {
  const sizes = await decoderConfig(source, { base });
  const window = source.keys.count('attention.sliding_window');
  return {
    sizes,
    shared: {
      hidden_activation: 'gelu_pytorch_tanh',
      ...sizes,
      attention_bias: false,
      ...(window === undefined ? {} : { sliding_window: window }),
      final_logit_softcapping: source.keys.number('final_logit_softcapping') ?? null,
    },
  };
}

/** Gemma 2. */
export const gemma2: Architecture = {
  name: 'gemma2',
  async config(source) {
    const { sizes, shared } = await gemmaConfig(source, 10_000);
    return {
      architectures: ['Gemma2ForCausalLM'],
      model_type: 'gemma2',
      ...shared,
      attn_logit_softcapping: source.keys.number('attn_logit_softcapping') ?? null,
      query_pre_attn_scalar: scoreDivisor(sizes, 46),
    };
  },
  blocks,
  settings: [],
  change,
};

/** Gemma 3's language model: of six layers, five slide, with rotary positions of their own. */
export const gemma3: Architecture = {
  name: 'gemma3',
  async config(source) {
    const { sizes, shared } = await gemmaConfig(source, 1_000_000);
    source.keys.requireOneOf('attention.sliding_window_pattern', [6]);
    return {
      architectures: ['Gemma3ForCausalLM'],
      model_type: 'gemma3_text',
      ...shared,
      rope_local_base_freq: source.keys.number('rope.freq_base_swa') ?? 10_000,
      sliding_window_pattern: 6,
      query_pre_attn_scalar: scoreDivisor(sizes, 62),
    };
  },
  blocks,
  settings: [],
  change,
};
