import { z } from 'zod';
import { selfAttention } from '../blocks/attention.ts';
import { fusedGatedMlp } from '../blocks/mlp.ts';
import { fusedQueryKeyValue } from '../blocks/query-key-value.ts';
import { UnsupportedFeatureError } from '../errors.ts';
import { architectureConfig, count, decoderConfig, decoderSchema, readActivation } from './decoder-fields.ts';
import { defineFamily } from './define-family.ts';
import { llamaParts } from './llama-parts.ts';
import { preNormBlock } from './norm-placement.ts';
import { readRotaryConfig } from './rotary-fields.ts';

/**
 * Phi 3, 3.5 and 4 (`Phi3ForCausalLM`; Abdin et al. 2024): Llama's blocks, with one linear layer for queries, keys and values
 * and one for gate and up, every layer by a sliding window, and LongRoPE.
 */
export const phi3 = defineFamily({
  modelType: 'phi3',
  schema: decoderSchema.omit({ layer_types: true }).extend({
    rms_norm_eps: z.number().positive().default(1e-5),
    original_max_position_embeddings: count.default(4096),
    sliding_window: count.nullish(),
  }),
  architecture(fields, file) {
    const config = decoderConfig(fields, file);
    const { hiddenSize, intermediateSize, headCount, keyValueHeadCount, headSize } = config;
    const rotary = readRotaryConfig(
      fields,
      { headSize, partialFactor: 1, aliases: { su: 'longrope', yarn: 'longrope' } },
      file,
    );
    if (rotary.kind !== 'default' && rotary.kind !== 'longrope') {
      throw new UnsupportedFeatureError(file, 'rope_type', rotary.kind, 'default, longrope');
    }
    const activation = readActivation(fields.hidden_act, file);
    const { ends, block } = llamaParts(config, { epsilon: fields.rms_norm_eps });
    const [attentionSize, keyValueSize] = [headCount * headSize, keyValueHeadCount * headSize];
    return {
      config: architectureConfig(config, { activation, rotary, window: fields.sliding_window }),
      ...ends,
      block(layer) {
        const parts = block(layer);
        const { linear } = parts;
        return preNormBlock(parts, {
          attention: selfAttention({
            layer,
            headCount,
            keyValueHeadCount,
            headSize,
            input: fusedQueryKeyValue(
              linear('self_attn.qkv_proj', hiddenSize, attentionSize + 2 * keyValueSize),
              [attentionSize, keyValueSize, keyValueSize],
            ),
            output: linear('self_attn.o_proj', attentionSize, hiddenSize),
            rotary,
            window: fields.sliding_window ?? undefined,
          }),
          mlp: fusedGatedMlp({
            gateUp: linear('mlp.gate_up_proj', hiddenSize, 2 * intermediateSize),
            down: linear('mlp.down_proj', intermediateSize, hiddenSize),
            activation,
          }),
        });
      },
    };
  },
});
