import type { Architecture } from './architecture.ts';
import { decoderBlocks, decoderConfig } from './decoder.ts';
import { llama } from './llama.ts';

/** Granite 3, dense: Llama's blocks with four multipliers. */
export const granite: Architecture = {
  ...llama,
  name: 'granite',
  async config(source) {
    const { keys, tensors } = source;
    return {
      architectures: ['GraniteForCausalLM'],
      model_type: 'granite',
      hidden_act: 'silu',
      ...(await decoderConfig(source)),
      attention_bias: tensors.has('blk.0.attn_q.bias'),
      mlp_bias: tensors.has('blk.0.ffn_gate.bias'),
      attention_multiplier: keys.number('attention.scale') ?? 1,
      embedding_multiplier: keys.number('embedding_scale') ?? 1,
      residual_multiplier: keys.number('residual_scale') ?? 1,
      logits_scaling: keys.number('logit_scale') ?? 1,
    };
  },
  blocks: decoderBlocks,
};
