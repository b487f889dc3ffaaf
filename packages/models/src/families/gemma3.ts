import { z } from 'zod';
import type { RotaryConfig } from '../blocks/rotary-config.ts';
import { UnsupportedFeatureError } from '../errors.ts';
import { checkContent } from '../json-file.ts';
import { architectureConfig, count, decoderConfig, readActivation } from './decoder-fields.ts';
import { defineFamily } from './define-family.ts';
import { gemmaEmbeddingScale, gemmaIgnored, gemmaSchema } from './gemma-fields.ts';
import { type IsSliding, slidingLayers, windowsByLayer } from './layer-types.ts';
import { llamaParts } from './llama-parts.ts';
import { sandwichNormBlock } from './norm-placement.ts';
import { type RotaryOptions, readRotaryConfig, readRotarySettings } from './rotary-fields.ts';

/** The keys of config.json. */
export const gemma3Schema = gemmaSchema.extend({
  vocab_size: count.default(262_208),
  max_position_embeddings: count.default(131_072),
  /** Every so many layers one attends to all tokens. */
  sliding_window_pattern: count.default(6),
  rope_local_base_freq: z.number().positive().nullish(),
});

/**
 * Gemma 3's language model (`Gemma3ForCausalLM`; Gemma Team 2025): Gemma 2's blocks with normalised queries and keys for
 * soft-capping; five layers of six by a sliding window, with rotary positions of their own.
 */
export const gemma3 = defineFamily({
  modelType: 'gemma3_text',
  schema: gemma3Schema,
  ignored: gemmaIgnored,
  architecture(fields, file) {
    // transformers reads it and does not heed it: whichever is meant, one of the two would be wrong.
    const cap = fields.attn_logit_softcapping;
    if (cap != null) throw new UnsupportedFeatureError(file, 'attn_logit_softcapping', cap, 'none');
    const config = decoderConfig(fields, file);
    const rotary = readGemmaRotary(fields, config, file);
    if (rotary.sliding.kind === 'dynamic' || rotary.sliding.kind === 'longrope') {
      // What a sequence's length changes is known of one kind of layer.
      const setting = 'rope_parameters.sliding_attention.rope_type';
      throw new UnsupportedFeatureError(file, setting, rotary.sliding.kind, 'default, linear, llama3, yarn');
    }
    const activation = readActivation(
      fields.hidden_activation ?? 'gelu_pytorch_tanh',
      file,
      'hidden_activation',
    );
    const isSliding = slidingGemmaLayers(fields, file);
    const windowOf = windowsByLayer(isSliding, fields.sliding_window, file);
    const { ends, block } = llamaParts(config, { epsilon: fields.rms_norm_eps, offset: 1 });
    const bias = fields.attention_bias;
    return {
      config: architectureConfig(config, { activation, rotary: rotary.full, window: fields.sliding_window }),
      embedding: { ...ends.embedding, scale: gemmaEmbeddingScale(config) },
      finalNorm: ends.finalNorm,
      head: { ...ends.head, softCap: fields.final_logit_softcapping ?? undefined },
      block(layer) {
        const parts = block(layer);
        return sandwichNormBlock(parts, {
          attention: parts.attention({
            rotary: isSliding(layer) ? rotary.sliding : rotary.full,
            window: windowOf(layer),
            scale: fields.query_pre_attn_scalar ** -0.5,
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

/** Which layers attend by a sliding window: those that `layer_types` says, else all but every so many. */
export function slidingGemmaLayers(fields: z.output<typeof gemma3Schema>, file: string): IsSliding {
  return slidingLayers(fields, (layer) => (layer + 1) % fields.sliding_window_pattern !== 0, file);
}

/**
 * Rotary positions by layer type: under `rope_parameters` in transformers 5; in transformers 4 `rope_scaling` and `rope_theta`
 * are of full attention, `rope_local_base_freq` is of sliding layers, which are never scaled.
 */
export function readGemmaRotary(
  fields: z.output<typeof gemma3Schema>,
  options: RotaryOptions,
  file: string,
): { readonly full: RotaryConfig; readonly sliding: RotaryConfig } {
  const ofFull = { ...options, base: 1_000_000 };
  const ofSliding = { ...options, base: fields.rope_local_base_freq ?? 10_000 };
  const { rope_parameters: parameters, rope_theta: _global, ...others } = fields;
  const byType = parameters ?? {};
  const isByType = Object.keys(byType).some((key) => key.endsWith('_attention'));
  if (!isByType) {
    return {
      full: readRotaryConfig(fields, ofFull, file),
      sliding: readRotarySettings({}, 'rope_parameters', others, ofSliding, file),
    };
  }
  const settingsOf = (type: string) => {
    const given = byType[type];
    const schema = z.record(z.string(), z.unknown());
    return given == null ? {} : checkContent(file, { [type]: given }, z.object({ [type]: schema }))[type]!;
  };
  for (const key of Object.keys(byType)) {
    if (key === 'full_attention' || key === 'sliding_attention') continue;
    throw new UnsupportedFeatureError(
      file,
      `rope_parameters.${key}`,
      byType[key],
      'full_attention, sliding_attention',
    );
  }
  const full = { ...settingsOf('full_attention'), ...fields.rope_scaling };
  return {
    full: readRotarySettings(full, 'rope_parameters.full_attention', fields, ofFull, file),
    sliding: readRotarySettings(
      settingsOf('sliding_attention'),
      'rope_parameters.sliding_attention',
      others,
      ofSliding,
      file,
    ),
  };
}
