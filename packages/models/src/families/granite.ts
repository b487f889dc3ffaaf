import { z } from 'zod';
import { architectureConfig, decoderConfig, decoderSchema, readActivation } from './decoder-fields.ts';
import { defineFamily } from './define-family.ts';
import { requireFullAttention } from './layer-types.ts';
import { llamaParts } from './llama-parts.ts';
import { preNormBlock } from './norm-placement.ts';
import { readRotaryConfig } from './rotary-fields.ts';

const multiplier = z.number().default(1);

/** Granite 3 (`GraniteForCausalLM`; Granite Team 2024): Llama's blocks with four multipliers (Yang et al. 2022). */
export const granite = defineFamily({
  modelType: 'granite',
  schema: decoderSchema.extend({
    attention_bias: z.boolean().default(false),
    mlp_bias: z.boolean().default(false),
    embedding_multiplier: multiplier,
    attention_multiplier: multiplier,
    residual_multiplier: multiplier,
    logits_scaling: multiplier,
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
      embedding: { ...ends.embedding, scale: fields.embedding_multiplier },
      finalNorm: ends.finalNorm,
      head: { ...ends.head, divisor: fields.logits_scaling },
      block(layer) {
        const parts = block(layer);
        return preNormBlock(parts, {
          attention: parts.attention({
            rotary,
            scale: fields.attention_multiplier,
            inputBias: bias,
            outputBias: bias,
          }),
          mlp: parts.mlp({ activation, bias: fields.mlp_bias }),
          scale: fields.residual_multiplier,
        });
      },
    };
  },
});
