import type { Architecture } from './architecture.ts';
import { decoderConfig } from './decoder.ts';

/** OLMo 2: norms on what attention and MLP add, and on queries and keys. */
export const olmo2: Architecture = {
  name: 'olmo2',
  async config(source) {
    return {
      architectures: ['Olmo2ForCausalLM'],
      model_type: 'olmo2',
      hidden_act: 'silu',
      ...(await decoderConfig(source)),
      attention_bias: false,
    };
  },
  blocks: {
    attn_q: 'self_attn.q_proj',
    attn_k: 'self_attn.k_proj',
    attn_v: 'self_attn.v_proj',
    attn_output: 'self_attn.o_proj',
    attn_q_norm: 'self_attn.q_norm',
    attn_k_norm: 'self_attn.k_norm',
    post_attention_norm: 'post_attention_layernorm',
    ffn_gate: 'mlp.gate_proj',
    ffn_up: 'mlp.up_proj',
    ffn_down: 'mlp.down_proj',
    post_ffw_norm: 'post_feedforward_layernorm',
  },
  settings: [],
};
