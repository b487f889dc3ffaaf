import type { Architecture } from './architecture.ts';
import { decoderBlocks, decoderConfig } from './decoder.ts';

/** Qwen 3, dense. */
export const qwen3: Architecture = {
  name: 'qwen3',
  async config(source) {
    return {
      architectures: ['Qwen3ForCausalLM'],
      model_type: 'qwen3',
      hidden_act: 'silu',
      ...(await decoderConfig(source)),
      attention_bias: false,
      use_sliding_window: false,
    };
  },
  blocks: { ...decoderBlocks, attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' },
  settings: [],
};
