import { z } from 'zod';
import { UnsupportedFeatureError } from './errors.ts';
import { checkContent } from './json-file.ts';

/** Rotary position embedding: how fast each pair of features turns. */
export type RotaryConfig = DefaultRotary | LinearRotary | Llama3Rotary;

/** Su et al. 2021: pair i of d / 2 turns by base^(-2i / d) radians a position. */
export interface DefaultRotary {
  readonly kind: 'default';
  readonly base: number;
}

/** Position interpolation (Chen et al. 2023): every frequency divided by `factor`. */
export interface LinearRotary {
  readonly kind: 'linear';
  readonly base: number;
  readonly factor: number;
}

/** Llama 3.1: slow frequencies divided by `factor`, fast ones kept, those between interpolated. */
export interface Llama3Rotary {
  readonly kind: 'llama3';
  readonly base: number;
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalMaximumPositions: number;
}

const settings = z.record(z.string(), z.unknown());

/** The keys of config.json that say how positions are embedded, in the spelling of transformers 4 or 5. */
export const rotaryFields = {
  rope_theta: z.number().positive().nullish(),
  rope_scaling: settings.nullish(),
  rope_parameters: settings.nullish(),
  partial_rotary_factor: z.number().nullish(),
};

type RotaryFields = z.output<z.ZodObject<typeof rotaryFields>> & {
  readonly max_position_embeddings: number;
  readonly original_max_position_embeddings?: number | null | undefined;
};

const factor = z.number().min(1);
const base = z.number().positive();
const scaled = z.looseObject({ factor, rope_theta: base.nullish() });
const llama3 = scaled.extend({
  low_freq_factor: z.number().positive(),
  high_freq_factor: z.number().positive(),
  original_max_position_embeddings: z.number().int().positive().optional(),
});

/**
 * Reads `rope_parameters` (transformers 5: rope_type and rope_theta inside), or `rope_theta` beside `rope_scaling`
 * (transformers 4, whose oldest files say `type` for `rope_type`). As in transformers, rope_scaling wins when both are
 * there, and `original_max_position_embeddings` beside them over the one inside.
 *
 * @throws UnsupportedFeatureError for a rope_type other than default, linear and llama3, for settings by layer type and
 * for partial rotation; ModelFileError for values out of range.
 */
export function readRotaryConfig(fields: RotaryFields, file: string): RotaryConfig {
  const key = fields.rope_scaling ? 'rope_scaling' : 'rope_parameters';
  const given = fields[key] ?? {};
  const byLayerType = Object.keys(given).find((name) => settings.safeParse(given[name]).success);
  if (byLayerType !== undefined) {
    throw new UnsupportedFeatureError(
      file,
      `${key}.${byLayerType}`,
      given[byLayerType],
      'the same for all layers',
    );
  }
  const partial = given.partial_rotary_factor ?? fields.partial_rotary_factor ?? 1;
  if (partial !== 1) throw new UnsupportedFeatureError(file, 'partial_rotary_factor', partial, '1');

  const check = <Schema extends z.ZodType>(schema: Schema) =>
    checkContent(file, { [key]: given }, z.object({ [key]: schema }))[key] as z.output<Schema>;
  const theta =
    check(z.looseObject({ rope_theta: base.nullish() })).rope_theta ?? fields.rope_theta ?? 10_000;
  const type = given.rope_type ?? given.type ?? 'default';
  switch (type) {
    case 'default':
      return { kind: 'default', base: theta };
    case 'linear':
      return { kind: 'linear', base: theta, factor: check(scaled).factor };
    case 'llama3': {
      const values = check(llama3);
      return {
        kind: 'llama3',
        base: theta,
        factor: values.factor,
        lowFrequencyFactor: values.low_freq_factor,
        highFrequencyFactor: values.high_freq_factor,
        originalMaximumPositions:
          fields.original_max_position_embeddings ??
          values.original_max_position_embeddings ??
          fields.max_position_embeddings,
      };
    }
    default:
      throw new UnsupportedFeatureError(file, `${key}.rope_type`, type, 'default, linear, llama3');
  }
}
