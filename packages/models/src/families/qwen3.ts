import { z } from 'zod';
import { architectureConfig, count, decoderConfig, decoderSchema, readActivation } from './decoder-fields.ts';
import { defineFamily } from './define-family.ts';
import { llamaParts } from './llama-parts.ts';
import { preNormBlock } from './norm-placement.ts';
import { qwenWindow, qwenWindowFields, qwenWindows } from './qwen-windows.ts';
import { readRotaryConfig } from './rotary-fields.ts';

/** Qwen 3 (`Qwen3ForCausalLM`; Yang et al. 2025): Llama's blocks with normalised queries and keys, head by head. */
export const qwen3 = defineFamily({
  modelType: 'qwen3',
  schema: decoderSchema.extend({
    ...qwenWindowFields,
    head_dim: count.default(128),
    attention_bias: z.boolean().default(false),
  }),
  architecture(fields, file) {
    const config = decoderConfig(fields, file);
    const rotary = readRotaryConfig(fields, config, file);
    const activation = readActivation(fields.hidden_act, file);
    const windowOf = qwenWindows(fields, file);
    const { ends, block } = llamaParts(config, { epsilon: fields.rms_norm_eps });
    const bias = fields.attention_bias;
    return {
      config: architectureConfig(config, { activation, rotary, window: qwenWindow(fields) }),
      ...ends,
      block(layer) {
        const parts = block(layer);
        return preNormBlock(parts, {
          attention: parts.attention({
            rotary,
            window: windowOf(layer),
            inputBias: bias,
            outputBias: bias,
            norms: {
              query: parts.norm('self_attn.q_norm', config.headSize),
              key: parts.norm('self_attn.k_norm', config.headSize),
              over: 'head',
            },
          }),
          mlp: parts.mlp({ activation }),
        });
      },
    };
  },
});
