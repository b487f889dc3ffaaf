import { z } from 'zod';
import { ModelFileError } from '../errors.ts';
import { architectureConfig, count, decoderConfig, decoderSchema, readActivation } from './decoder-fields.ts';
import { defineFamily } from './define-family.ts';
import { slidingLayers, windowsByLayer } from './layer-types.ts';
import { llamaParts } from './llama-parts.ts';
import { preNormBlock } from './norm-placement.ts';
import { readRotaryConfig } from './rotary-fields.ts';

/** SmolLM3 (`SmolLM3ForCausalLM`; Bakouch et al. 2025): Llama's blocks, some of them without positions. */
export const smollm3 = defineFamily({
  modelType: 'smollm3',
  schema: decoderSchema.extend({
    num_key_value_heads: count.nullable().default(4),
    tie_word_embeddings: z.boolean().default(true),
    attention_bias: z.boolean().default(false),
    mlp_bias: z.boolean().default(false),
    use_sliding_window: z.boolean().default(false),
    sliding_window: count.nullish(),
    /** 1 for a layer with rotary positions, 0 for one without. */
    no_rope_layers: z.array(z.union([z.literal(0), z.literal(1)])).nullish(),
    no_rope_layer_interval: count.default(4),
  }),
  // Beside use_sliding_window false, its files keep what Qwen's have.
  ignored: ['max_window_layers'],
  architecture(fields, file) {
    const config = decoderConfig(fields, file);
    const rotary = readRotaryConfig(fields, { ...config, base: 2_000_000 }, file);
    const activation = readActivation(fields.hidden_act, file);
    const turns = fields.no_rope_layers;
    if (turns != null && turns.length < config.layerCount) {
      throw new ModelFileError(
        file,
        `no_rope_layers names ${turns.length} layers, num_hidden_layers is ${config.layerCount}`,
      );
    }
    const hasPositions = (layer: number) =>
      turns == null ? (layer + 1) % fields.no_rope_layer_interval !== 0 : turns[layer] === 1;
    const window = fields.use_sliding_window ? fields.sliding_window : undefined;
    const rule = (layer: number) => window != null && !hasPositions(layer);
    const windowOf = windowsByLayer(slidingLayers(fields, rule, file), window, file);
    const { ends, block } = llamaParts(config, { epsilon: fields.rms_norm_eps });
    const bias = fields.attention_bias;
    return {
      config: architectureConfig(config, { activation, rotary, window }),
      ...ends,
      block(layer) {
        const parts = block(layer);
        return preNormBlock(parts, {
          attention: parts.attention({
            rotary: hasPositions(layer) ? rotary : undefined,
            window: windowOf(layer),
            inputBias: bias,
            outputBias: bias,
          }),
          mlp: parts.mlp({ activation, bias: fields.mlp_bias }),
        });
      },
    };
  },
});
