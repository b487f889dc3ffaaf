import { z } from 'zod';
import { type Activation, activationNames } from '../blocks/activations.ts';
import type { RotaryConfig } from '../blocks/rotary-config.ts';
import { ModelFileError, UnsupportedFeatureError } from '../errors.ts';
import type { ArchitectureConfig } from './family.ts';
import { rotaryFields } from './rotary-fields.ts';

/** A size: a whole number from 1. */
export const count = z
  .number()
  .int()
  .positive()
  .max(2 ** 31 - 1);

/** The keys of config.json that the families share; a family extends it with its own, and with its own defaults. */
export const decoderSchema = z.looseObject({
  model_type: z.string(),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  hidden_act: z.string().default('silu'),
  max_position_embeddings: count,
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  layer_types: z.array(z.string()).nullish(),
  is_causal: z.boolean().nullish(),
  original_max_position_embeddings: count.nullish(),
  quantization_config: z.unknown().optional(),
  compression_config: z.unknown().optional(),
  ...rotaryFields,
});

/** The shared keys as they were read. */
export type DecoderFields = z.output<typeof decoderSchema>;

type SizeFields = Pick<
  DecoderFields,
  | 'model_type'
  | 'vocab_size'
  | 'hidden_size'
  | 'intermediate_size'
  | 'num_hidden_layers'
  | 'num_attention_heads'
  | 'num_key_value_heads'
  | 'head_dim'
  | 'max_position_embeddings'
  | 'tie_word_embeddings'
  | 'rms_norm_eps'
  | 'is_causal'
  | 'quantization_config'
  | 'compression_config'
>;

/** What {@link decoderConfig} reads; {@link architectureConfig} adds the rest. */
export type DecoderSizes = Omit<
  ArchitectureConfig,
  'activation' | 'rotary' | 'rotaryChange' | 'slidingWindow'
>;

/**
 * The sizes of a decoder.
 *
 * @throws ModelFileError when they contradict each other, UnsupportedFeatureError for what no family has.
 */
export function decoderConfig(fields: SizeFields, file: string): DecoderSizes {
  const heads = fields.num_attention_heads;
  const keyValueHeads = fields.num_key_value_heads ?? heads;
  const headSize = fields.head_dim ?? fields.hidden_size / heads;
  if (heads % keyValueHeads !== 0) {
    throw new ModelFileError(
      file,
      `${heads} num_attention_heads cannot share ${keyValueHeads} num_key_value_heads evenly`,
    );
  }
  if (headSize % 2 !== 0) {
    throw new ModelFileError(
      file,
      `heads of ${headSize} features (head_dim, else hidden_size / num_attention_heads) must be even`,
    );
  }
  if (fields.is_causal === false) throw new UnsupportedFeatureError(file, 'is_causal', false, 'true');
  for (const setting of ['quantization_config', 'compression_config'] as const) {
    if (fields[setting] == null) continue;
    const supported = 'none: use the unquantised checkpoint';
    throw new UnsupportedFeatureError(file, setting, fields[setting], supported);
  }
  return {
    modelType: fields.model_type,
    vocabularySize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    intermediateSize: fields.intermediate_size,
    layerCount: fields.num_hidden_layers,
    headCount: heads,
    keyValueHeadCount: keyValueHeads,
    headSize,
    maximumPositions: fields.max_position_embeddings,
    tieWordEmbeddings: fields.tie_word_embeddings,
    normEpsilon: fields.rms_norm_eps,
  };
}

/** What the layers of a model have in common beside their sizes. */
export interface LayerFacts {
  readonly activation: Activation;
  readonly rotary: RotaryConfig;
  /** Keys that a query sees in the layers that slide. Default: none does. */
  readonly window?: number | null | undefined;
}

/** The whole configuration; what rotary positions say of sequences' lengths is put in. */
export function architectureConfig(
  sizes: DecoderSizes,
  { activation, rotary, window }: LayerFacts,
): ArchitectureConfig {
  const config = { ...sizes, activation, rotary, ...(window == null ? {} : { slidingWindow: window }) };
  if (rotary.kind === 'dynamic') {
    // Beyond what it was first made for is what this kind is there for.
    const maximumPositions = Math.floor(rotary.maximumPositions * rotary.factor);
    const rotaryChange = { beyond: rotary.maximumPositions, recomputes: false };
    return { ...config, maximumPositions, rotaryChange };
  }
  if (rotary.kind === 'longrope') {
    return { ...config, rotaryChange: { beyond: rotary.originalMaximumPositions, recomputes: true } };
  }
  return config;
}

/** @throws UnsupportedFeatureError for an activation that there is not. */
export function readActivation(name: string, file: string, key = 'hidden_act'): Activation {
  const known = activationNames.get(name);
  if (known === undefined) {
    throw new UnsupportedFeatureError(file, key, name, [...activationNames.keys()].join(', '));
  }
  return known;
}
