import { architectureConfig, decoderConfig, decoderSchema, readActivation } from './decoder-fields.ts';
import { defineFamily } from './define-family.ts';
import { llamaParts } from './llama-parts.ts';
import { preNormBlock } from './norm-placement.ts';
import { qwenWindow, qwenWindowFields, qwenWindows } from './qwen-windows.ts';
import { readRotaryConfig } from './rotary-fields.ts';

/** Qwen 2 and 2.5 (`Qwen2ForCausalLM`; Yang et al. 2024): Llama's blocks with biases on queries, keys and values. */
export const qwen2 = defineFamily({
  modelType: 'qwen2',
  schema: decoderSchema.extend(qwenWindowFields),
  // The biases are there whatever it says.
  ignored: ['attention_bias'],
  architecture(fields, file) {
    const config = decoderConfig(fields, file);
    const rotary = readRotaryConfig(fields, config, file);
    const activation = readActivation(fields.hidden_act, file);
    const windowOf = qwenWindows(fields, file);
    const { ends, block } = llamaParts(config, { epsilon: fields.rms_norm_eps });
    return {
      config: architectureConfig(config, { activation, rotary, window: qwenWindow(fields) }),
      ...ends,
      block(layer) {
        const parts = block(layer);
        return preNormBlock(parts, {
          attention: parts.attention({ rotary, window: windowOf(layer), inputBias: true }),
          mlp: parts.mlp({ activation }),
        });
      },
    };
  },
});
