import { z } from 'zod';
import { selfAttention } from '../blocks/attention.ts';
import { parallel, residual, sequence } from '../blocks/compose.ts';
import { plainMlp } from '../blocks/mlp.ts';
import { layerNorm } from '../blocks/norm.ts';
import { interleavedQueryKeyValue } from '../blocks/query-key-value.ts';
import type { LinearPlace } from '../linear.ts';
import { architectureConfig, decoderConfig, decoderSchema, readActivation } from './decoder-fields.ts';
import { defineFamily } from './define-family.ts';
import { readRotaryConfig } from './rotary-fields.ts';

/**
 * GPT-NeoX and Pythia (`GPTNeoXForCausalLM`; Black et al. 2022): layer norms, attention and MLP side by side, positions on a
 * quarter of a head's features.
 */
export const gptNeox = defineFamily({
  modelType: 'gpt_neox',
  schema: decoderSchema
    .omit({ rms_norm_eps: true, num_key_value_heads: true, head_dim: true, layer_types: true })
    .extend({
      hidden_act: z.string().default('gelu'),
      layer_norm_eps: z.number().positive().default(1e-5),
      attention_bias: z.boolean().default(true),
      use_parallel_residual: z.boolean().default(true),
      rotary_pct: z.number().default(0.25),
      rotary_emb_base: z.number().positive().default(10_000),
    }),
  architecture(fields, file) {
    const config = decoderConfig({ ...fields, rms_norm_eps: fields.layer_norm_eps }, file);
    const { hiddenSize, intermediateSize, headCount, headSize } = config;
    const rotary = readRotaryConfig(
      fields,
      { headSize, base: fields.rotary_emb_base, partialFactor: fields.rotary_pct },
      file,
    );
    const activation = readActivation(fields.hidden_act, file);
    const norm = (name: string) => layerNorm(name, { size: hiddenSize, epsilon: fields.layer_norm_eps });
    return {
      config: architectureConfig(config, { activation, rotary }),
      embedding: { name: 'gpt_neox.embed_in.weight' },
      finalNorm: norm('gpt_neox.final_layer_norm'),
      head: { name: 'lm_head.weight', formerName: 'embed_out.weight' },
      unused: /\.attention\.(masked_)?bias$/,
      block(layer) {
        const inBlock = (name: string) => `gpt_neox.layers.${layer}.${name}`;
        const linear = (
          name: string,
          inFeatures: number,
          outFeatures: number,
          bias: boolean,
        ): LinearPlace => ({
          name: inBlock(name),
          inFeatures,
          outFeatures,
          bias,
        });
        const attention = selfAttention({
          layer,
          headCount,
          keyValueHeadCount: headCount,
          headSize,
          input: interleavedQueryKeyValue(
            linear('attention.query_key_value', hiddenSize, 3 * hiddenSize, fields.attention_bias),
            headSize,
          ),
          output: linear('attention.dense', hiddenSize, hiddenSize, fields.attention_bias),
          rotary,
        });
        const mlp = plainMlp({
          up: linear('mlp.dense_h_to_4h', hiddenSize, intermediateSize, true),
          down: linear('mlp.dense_4h_to_h', intermediateSize, hiddenSize, true),
          activation,
        });
        const attend = sequence(norm(inBlock('input_layernorm')), attention);
        const think = sequence(norm(inBlock('post_attention_layernorm')), mlp);
        return fields.use_parallel_residual
          ? residual(parallel(attend, think))
          : sequence(residual(attend), residual(think));
      },
    };
  },
});
