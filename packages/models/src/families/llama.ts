import { z } from 'zod';
import { architectureConfig, decoderConfig, decoderSchema, readActivation } from './decoder-fields.ts';
import { defineFamily } from './define-family.ts';
import { requireFullAttention } from './layer-types.ts';
import { llamaParts } from './llama-parts.ts';
import { preNormBlock } from './norm-placement.ts';
import { readRotaryConfig } from './rotary-fields.ts';

/** Llama 2 and 3 and what is built like them (`LlamaForCausalLM`; Touvron et al. 2023, Grattafiori et al. 2024). */
export const llama = defineFamily({
  modelType: 'llama',
  schema: decoderSchema.extend({
    attention_bias: z.boolean().default(false),
    mlp_bias: z.boolean().default(false),
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
        return preNormBlock(parts, {
          attention: parts.attention({ rotary, inputBias: bias, outputBias: bias }),
          mlp: parts.mlp({ activation, bias: fields.mlp_bias }),
        });
      },
    };
  },
});
