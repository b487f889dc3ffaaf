import type { Architecture } from './architecture.ts';
import { decoderConfig } from './decoder.ts';
import { llama } from './llama.ts';

/** SmolLM 3: Llama's blocks, every fourth without rotary positions. */
export const smollm3: Architecture = {
  ...llama,
  name: 'smollm3',
  async config(source) {
    return {
      architectures: ['SmolLM3ForCausalLM'],
      model_type: 'smollm3',
      hidden_act: 'silu',
      ...(await decoderConfig(source)),
      attention_bias: source.tensors.has('blk.0.attn_q.bias'),
      mlp_bias: source.tensors.has('blk.0.ffn_gate.bias'),
      // llama.cpp has it in its code, not in files.
      no_rope_layer_interval: 4,
      use_sliding_window: false,
    };
  },
};
