import { z } from 'zod';
import { ModelFileError, UnsupportedFeatureError } from '../errors.ts';
import { checkContent } from '../json-file.ts';
import type { RotaryConfig } from '../rotary-config.ts';

const settings = z.record(z.string(), z.unknown());
const base = z.number().positive();

/** The keys of config.json that say how positions are embedded, in the spelling of transformers 4 or 5. */
export const rotaryFields = {
  rope_theta: base.nullish(),
  rope_scaling: settings.nullish(),
  rope_parameters: settings.nullish(),
  partial_rotary_factor: z.number().nullish(),
};

type RotaryFields = z.output<z.ZodObject<typeof rotaryFields>> & {
  readonly max_position_embeddings: number;
  readonly original_max_position_embeddings?: number | null | undefined;
};

/** What a family says of its rotary positions. */
export interface RotaryOptions {
  readonly headSize: number;
  /** `rope_theta` where the file has none. Default 10,000. */
  readonly base?: number;
  /** Share of a head's features that turns where the file does not say; undefined when the family turns all or none. */
  readonly partialFactor?: number;
  /** Other names of rope_types, as old files of the family have them. */
  readonly aliases?: Readonly<Record<string, RotaryConfig['kind']>>;
}

const factor = z.number().min(1);
const positive = z.number().positive();
const original = z.number().int().positive().nullish();
const factors = z.array(positive);
const schemas = {
  linear: z.looseObject({ factor }),
  dynamic: z.looseObject({ factor }),
  llama3: z.looseObject({
    factor,
    low_freq_factor: positive,
    high_freq_factor: positive,
    original_max_position_embeddings: original,
  }),
  yarn: z.looseObject({
    factor: factor.nullish(),
    original_max_position_embeddings: original,
    attention_factor: positive.nullish(),
    beta_fast: positive.nullish(),
    beta_slow: positive.nullish(),
    mscale: z.number().nullish(),
    mscale_all_dim: z.number().nullish(),
    truncate: z.boolean().nullish(),
  }),
  longrope: z.looseObject({
    factor: factor.nullish(),
    short_factor: factors,
    long_factor: factors,
    original_max_position_embeddings: original,
    attention_factor: positive.nullish(),
  }),
};

/** All keys there are among rotary settings; `finetuned` is of old files, and nothing reads it. */
const knownKeys = new Set([
  ...['rope_type', 'type', 'rope_theta', 'partial_rotary_factor', 'finetuned'],
  ...Object.values(schemas).flatMap(({ shape }) => Object.keys(shape)),
]);

/**
 * Reads `rope_parameters` (transformers 5: rope_type and rope_theta inside), or `rope_theta` beside `rope_scaling`
 * (transformers 4, whose oldest files say `type` for `rope_type`). As in transformers, rope_scaling wins when both are
 * there, and `original_max_position_embeddings` beside them over the one inside.
 *
 * @throws UnsupportedFeatureError for another rope_type, unknown settings, settings by layer type, and partial rotation
 * where the family has none; ModelFileError for values out of range.
 */
export function readRotaryConfig(fields: RotaryFields, options: RotaryOptions, file: string): RotaryConfig {
  const scaling = fields.rope_scaling ?? {};
  const key = Object.keys(scaling).length > 0 ? 'rope_scaling' : 'rope_parameters';
  return readRotarySettings(fields[key] ?? {}, key, fields, options, file);
}

/** As {@link readRotaryConfig}, for settings that stand under `key`. */
export function readRotarySettings(
  given: z.output<typeof settings>,
  key: string,
  fields: RotaryFields,
  options: RotaryOptions,
  file: string,
): RotaryConfig {
  for (const [name, value] of Object.entries(given)) {
    if (knownKeys.has(name) || value === null || value === false) continue;
    throw new UnsupportedFeatureError(file, `${key}.${name}`, value, [...knownKeys].join(', '));
  }
  const check = <Schema extends z.ZodType>(schema: Schema) =>
    checkContent(file, { [key]: given }, z.object({ [key]: schema }))[key] as z.output<Schema>;
  const common = {
    base:
      check(z.looseObject({ rope_theta: base.nullish() })).rope_theta ??
      fields.rope_theta ??
      options.base ??
      10_000,
    features: turningFeatures(given, fields, options, file),
  };
  const originalOf = (inside: number | null | undefined) =>
    fields.original_max_position_embeddings ?? inside ?? fields.max_position_embeddings;
  const name = given.rope_type ?? given.type ?? 'default';
  const type = options.aliases?.[String(name)] ?? name;
  switch (type) {
    case 'default':
      return { kind: 'default', ...common };
    case 'linear':
      return { kind: 'linear', ...common, factor: check(schemas.linear).factor };
    case 'dynamic':
      if (common.features === 2) throw new ModelFileError(file, `${key}: dynamic needs heads of more than 2 features`);
      return {
        kind: 'dynamic',
        ...common,
        factor: check(schemas.dynamic).factor,
        maximumPositions: fields.max_position_embeddings,
      };
    case 'llama3': {
      const values = check(schemas.llama3);
      return {
        kind: 'llama3',
        ...common,
        factor: values.factor,
        lowFrequencyFactor: values.low_freq_factor,
        highFrequencyFactor: values.high_freq_factor,
        originalMaximumPositions: originalOf(values.original_max_position_embeddings),
      };
    }
    case 'yarn': {
      const values = check(schemas.yarn);
      const originalMaximumPositions = originalOf(values.original_max_position_embeddings);
      const scale = values.factor ?? fields.max_position_embeddings / originalMaximumPositions;
      return {
        kind: 'yarn',
        ...common,
        factor: scale,
        originalMaximumPositions,
        // As in Python, 0 stands for none.
        betaFast: values.beta_fast || 32,
        betaSlow: values.beta_slow || 1,
        truncate: values.truncate ?? true,
        attentionFactor: values.attention_factor ?? yarnAttention(scale, values),
      };
    }
    case 'longrope': {
      const values = check(schemas.longrope);
      const pairs = common.features / 2;
      for (const list of ['short_factor', 'long_factor'] as const) {
        if (values[list].length === pairs) continue;
        throw new ModelFileError(file, `${key}.${list} has ${values[list].length} numbers for ${pairs} frequencies`);
      }
      const originalMaximumPositions = originalOf(values.original_max_position_embeddings);
      const scale = values.factor ?? fields.max_position_embeddings / originalMaximumPositions;
      const attention =
        scale <= 1 ? 1 : Math.sqrt(1 + Math.log(scale) / Math.log(originalMaximumPositions));
      return {
        kind: 'longrope',
        ...common,
        shortFactors: values.short_factor,
        longFactors: values.long_factor,
        originalMaximumPositions,
        attentionFactor: values.attention_factor ?? attention,
      };
    }
    default:
      throw new UnsupportedFeatureError(
        file,
        `${key}.rope_type`,
        type,
        ['default', ...Object.keys(schemas)].join(', '),
      );
  }
}

/** Peng et al. 2023, section 3.4; with `mscale` and `mscale_all_dim` as DeepSeek has it. */
function yarnAttention(factor: number, { mscale, mscale_all_dim: all }: z.output<typeof schemas.yarn>): number {
  const scaled = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  return mscale && all ? scaled(mscale) / scaled(all) : scaled(1);
}

function turningFeatures(
  given: z.output<typeof settings>,
  fields: RotaryFields,
  { headSize, partialFactor }: RotaryOptions,
  file: string,
): number {
  const share = given.partial_rotary_factor ?? fields.partial_rotary_factor ?? partialFactor ?? 1;
  if (share === 1) return headSize;
  if (partialFactor === undefined) {
    throw new UnsupportedFeatureError(file, 'partial_rotary_factor', share, '1');
  }
  const features = typeof share === 'number' ? Math.trunc(headSize * share) : Number.NaN;
  if (features >= 2 && features <= headSize && features % 2 === 0) return features;
  throw new ModelFileError(
    file,
    `partial_rotary_factor ${JSON.stringify(share)} of heads of ${headSize} features must be an even number of them`,
  );
}
