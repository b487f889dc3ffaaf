import { z } from 'zod';
import { architectureConfig, decoderConfig, decoderSchema, readActivation } from './decoder-fields.ts';
import { defineFamily } from './define-family.ts';
import { requireFullAttention } from './layer-types.ts';
import { llamaParts } from './llama-parts.ts';
import { postNormBlock } from './norm-placement.ts';
import { readRotaryConfig } from './rotary-fields.ts';

/**
 * OLMo 2 (`Olmo2ForCausalLM`; OLMo Team 2025): norms on what attention and MLP add, and on queries and keys, all heads
 * together.
 */
export const olmo2 = defineFamily({
  modelType: 'olmo2',
  schema: decoderSchema.extend({
    rms_norm_eps: z.number().positive().default(1e-5),
    attention_bias: z.boolean().default(false),
  }),
  architecture(fields, file) {
    requireFullAttention(fields, file);
    const config = decoderConfig(fields, file);
    const rotary = readRotaryConfig(fields, config, file);
    const activation = readActivation(fields.hidden_act, file);
    const { ends, block } = llamaParts(config, { epsilon: fields.rms_norm_eps });
    const bias = fields.attention_bias;
    return {
      config: architectureConfig(config, { activation, rotary }),
      ...ends,
      block(layer) {
        const parts = block(layer);
        return postNormBlock(parts, {
          attention: parts.attention({
            rotary,
            inputBias: bias,
            outputBias: bias,
            norms: {
              query: parts.norm('self_attn.q_norm', config.headCount * config.headSize),
              key: parts.norm('self_attn.k_norm', config.keyValueHeadCount * config.headSize),
              over: 'heads',
            },
          }),
          mlp: parts.mlp({ activation }),
        });
      },
    };
  },
});
