import type { Architecture } from './architecture.ts';
import { decoderBlocks, decoderConfig } from './decoder.ts';

/** Llama, Mistral without a sliding window, SmolLM 1 and 2, and others that llama.cpp runs as Llama. */
export const llama: Architecture = {
  name: 'llama',
  async config(source) {
    return {
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_act: 'silu',
      ...(await decoderConfig(source)),
      attention_bias: source.tensors.has('blk.0.attn_q.bias'),
      mlp_bias: source.tensors.has('blk.0.ffn_gate.bias'),
    };
  },
  blocks: decoderBlocks,
  settings: ['rope_freqs.weight'],
  change(name, { num_attention_heads: heads, num_key_value_heads: keyValueHeads }) {
    if (name === 'attn_q') return { kind: 'interleaved heads', heads: heads as number };
    if (name === 'attn_k') return { kind: 'interleaved heads', heads: keyValueHeads as number };
    return undefined;
  },
};
