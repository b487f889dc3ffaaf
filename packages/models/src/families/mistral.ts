import { architectureConfig, count, decoderConfig, decoderSchema, readActivation } from './decoder-fields.ts';
import { defineFamily } from './define-family.ts';
import { llamaParts } from './llama-parts.ts';
import { preNormBlock } from './norm-placement.ts';
import { readRotaryConfig } from './rotary-fields.ts';

/** Mistral 7B and its like (`MistralForCausalLM`; Jiang et al. 2023): Llama's blocks, every layer by a sliding window. */
export const mistral = defineFamily({
  modelType: 'mistral',
  schema: decoderSchema.omit({ layer_types: true }).extend({
    num_key_value_heads: count.nullable().default(8),
    sliding_window: count.nullable().default(4096),
  }),
  architecture(fields, file) {
    const config = decoderConfig(fields, file);
    const rotary = readRotaryConfig(fields, config, file);
    const activation = readActivation(fields.hidden_act, file);
    const window = fields.sliding_window ?? undefined;
    const { ends, block } = llamaParts(config, { epsilon: fields.rms_norm_eps });
    return {
      config: architectureConfig(config, { activation, rotary, window }),
      ...ends,
      block(layer) {
        const parts = block(layer);
        return preNormBlock(parts, {
          attention: parts.attention({ rotary, window }),
          mlp: parts.mlp({ activation }),
        });
      },
    };
  },
});
