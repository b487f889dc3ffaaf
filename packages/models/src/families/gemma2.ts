import { z } from 'zod';
import { architectureConfig, decoderConfig, readActivation } from './decoder-fields.ts';
import { defineFamily } from './define-family.ts';
import { gemmaEmbeddingScale, gemmaIgnored, gemmaSchema } from './gemma-fields.ts';
import { slidingLayers, windowsByLayer } from './layer-types.ts';
import { llamaParts } from './llama-parts.ts';
import { sandwichNormBlock } from './norm-placement.ts';
import { readRotaryConfig } from './rotary-fields.ts';

const cap = z.number().positive().nullable();

/**
 * Gemma 2 (`Gemma2ForCausalLM`; Gemma Team 2024): norms before and after attention and MLP, soft-capped scores and logits,
 * every other layer by a sliding window.
 */
export const gemma2 = defineFamily({
  modelType: 'gemma2',
  schema: gemmaSchema.extend({
    final_logit_softcapping: cap.default(30),
    attn_logit_softcapping: cap.default(50),
  }),
  ignored: gemmaIgnored,
  architecture(fields, file) {
    const config = decoderConfig(fields, file);
    const rotary = readRotaryConfig(fields, config, file);
    const activation = readActivation(
      fields.hidden_activation ?? 'gelu_pytorch_tanh',
      file,
      'hidden_activation',
    );
    const isSliding = slidingLayers(fields, (layer) => layer % 2 === 0, file);
    const windowOf = windowsByLayer(isSliding, fields.sliding_window, file);
    const { ends, block } = llamaParts(config, { epsilon: fields.rms_norm_eps, offset: 1 });
    const bias = fields.attention_bias;
    return {
      config: architectureConfig(config, { activation, rotary, window: fields.sliding_window }),
      embedding: { ...ends.embedding, scale: gemmaEmbeddingScale(config) },
      finalNorm: ends.finalNorm,
      head: { ...ends.head, softCap: fields.final_logit_softcapping ?? undefined },
      block(layer) {
        const parts = block(layer);
        return sandwichNormBlock(parts, {
          attention: parts.attention({
            rotary,
            window: windowOf(layer),
            scale: fields.query_pre_attn_scalar ** -0.5,
            softCap: fields.attn_logit_softcapping ?? undefined,
            inputBias: bias,
            outputBias: bias,
          }),
          mlp: parts.mlp({ activation }),
        });
      },
    };
  },
});
