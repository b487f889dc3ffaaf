import { z } from 'zod';
import type { LinearBiases, ModelConfig } from '../config.ts';
import { ModelFileError, UnsupportedFeatureError } from '../errors.ts';
import { readRotaryConfig, rotaryFields } from '../rotary-config.ts';
import type { ModelLayout } from './layout.ts';

/** What config.json says of the network itself; token ids come from elsewhere. */
export type ArchitectureConfig = Omit<ModelConfig, 'eosTokenIds' | 'bosTokenId' | 'padTokenId'>;

/**
 * An architecture family: how its config.json reads, and where its tensors lie. A new one is a file beside this one
 * and a line in `families.ts`; what its blocks do differently becomes a field of {@link ModelConfig} that the block in
 * `blocks/` reads.
 */
export interface Family {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /**
   * Validates config.json.
   *
   * @throws ModelFileError, UnsupportedFeatureError
   */
  readConfig(content: unknown, file: string): ArchitectureConfig;
  /** Names and shapes of all tensors. */
  layout(config: ModelConfig): ModelLayout;
}

const count = z
  .number()
  .int()
  .positive()
  .max(2 ** 31 - 1);

/** The keys of config.json that the families share; a family extends it with its own. */
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
  per_layer_config: z.unknown().optional(),
  ...rotaryFields,
});

/**
 * The shared keys in our terms.
 *
 * @throws ModelFileError when sizes contradict each other, UnsupportedFeatureError.
 */
export function decoderConfig(
  fields: z.output<typeof decoderSchema>,
  biases: LinearBiases,
  file: string,
): ArchitectureConfig {
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
  refuseUnsupported(fields, file);
  return {
    modelType: fields.model_type,
    vocabularySize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    intermediateSize: fields.intermediate_size,
    layerCount: fields.num_hidden_layers,
    headCount: heads,
    keyValueHeadCount: keyValueHeads,
    headSize,
    normEpsilon: fields.rms_norm_eps,
    maximumPositions: fields.max_position_embeddings,
    tieWordEmbeddings: fields.tie_word_embeddings,
    rotary: readRotaryConfig(fields, file),
    biases,
  };
}

/** transformers' names of the one activation: it knows SiLU under both. */
const siluNames = ['silu', 'swish'];
/** transformers' names of attention to all tokens before; the second is of old files. */
const fullAttentionNames = ['full_attention', 'attention'];

/** Refuses what transformers heeds in these families and what would change the result. */
function refuseUnsupported(fields: z.output<typeof decoderSchema>, file: string): void {
  const refuse = (setting: string, value: unknown, supported: string) => {
    throw new UnsupportedFeatureError(file, setting, value, supported);
  };
  if (!siluNames.includes(fields.hidden_act)) refuse('hidden_act', fields.hidden_act, siluNames.join(', '));
  if (fields.is_causal === false) refuse('is_causal', false, 'true');
  for (const setting of ['quantization_config', 'compression_config'] as const) {
    if (fields[setting] != null) refuse(setting, fields[setting], 'none: use the unquantised checkpoint');
  }
  if (fields.per_layer_config != null) refuse('per_layer_config', fields.per_layer_config, 'none');
  const otherAttention = fields.layer_types?.find((type) => !fullAttentionNames.includes(type));
  if (otherAttention !== undefined) refuse('layer_types', otherAttention, 'full_attention');
  if (fields.layer_types != null && fields.layer_types.length !== fields.num_hidden_layers) {
    throw new ModelFileError(
      file,
      `layer_types names ${fields.layer_types.length} layers, num_hidden_layers is ${fields.num_hidden_layers}`,
    );
  }
}
