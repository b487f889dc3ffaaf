import { z } from 'zod';
import type { RotaryConfig } from '../blocks/rotary-config.ts';

/** What the settings of every rope_type are read together with. */
export interface RotaryFacts {
  readonly base: number;
  readonly features: number;
  /** `max_position_embeddings` */
  readonly maximumPositions: number;
  /** `original_max_position_embeddings` beside the settings, which goes before the one inside. */
  readonly originalPositions: number | undefined;
}

/** A rope_type: the settings it has, and what they come to. */
interface RotaryType<Schema extends z.ZodObject> {
  readonly schema: Schema;
  read(values: z.output<Schema>, facts: RotaryFacts): RotaryConfig;
}

function rotaryType<Schema extends z.ZodObject>(
  schema: Schema,
  read: RotaryType<Schema>['read'],
): RotaryType<z.ZodObject> {
  return { schema, read: (values, facts) => read(values as z.output<Schema>, facts) };
}

/** Models are stretched by a hundred at most. */
const factor = z.number().min(1).max(1e6);
const positive = z.number().positive();
const original = z.number().int().positive().nullish();

/** The rope_types of transformers, by name. */
export const rotaryTypes: Readonly<Record<RotaryConfig['kind'], RotaryType<z.ZodObject>>> = {
  default: rotaryType(z.looseObject({}), (_values, facts) => ({ kind: 'default', ...common(facts) })),

  linear: rotaryType(z.looseObject({ factor }), (values, facts) => ({
    kind: 'linear',
    ...common(facts),
    factor: values.factor,
  })),

  dynamic: rotaryType(z.looseObject({ factor }), (values, facts) => ({
    kind: 'dynamic',
    ...common(facts),
    factor: values.factor,
    maximumPositions: facts.maximumPositions,
  })),

  llama3: rotaryType(
    z.looseObject({
      factor,
      low_freq_factor: positive,
      high_freq_factor: positive,
      original_max_position_embeddings: original,
    }),
    (values, facts) => ({
      kind: 'llama3',
      ...common(facts),
      factor: values.factor,
      lowFrequencyFactor: values.low_freq_factor,
      highFrequencyFactor: values.high_freq_factor,
      originalMaximumPositions: originalPositions(values, facts),
    }),
  ),

  yarn: rotaryType(
    z.looseObject({
      factor: factor.nullish(),
      original_max_position_embeddings: original,
      attention_factor: positive.nullish(),
      beta_fast: z.number().nonnegative().nullish(),
      beta_slow: z.number().nonnegative().nullish(),
      mscale: z.number().nullish(),
      mscale_all_dim: z.number().nullish(),
      truncate: z.boolean().nullish(),
    }),
    (values, facts) => {
      const scale = values.factor ?? facts.maximumPositions / originalPositions(values, facts);
      // Peng et al. 2023, section 3.4; with `mscale` and `mscale_all_dim` as DeepSeek has it.
      const scaled = (weight: number) => (scale <= 1 ? 1 : 0.1 * weight * Math.log(scale) + 1);
      const { mscale, mscale_all_dim: all } = values;
      return {
        kind: 'yarn',
        ...common(facts),
        factor: scale,
        originalMaximumPositions: originalPositions(values, facts),
        // As in Python, 0 stands for none.
        betaFast: values.beta_fast || 32,
        betaSlow: values.beta_slow || 1,
        truncate: values.truncate ?? true,
        attentionFactor:
          values.attention_factor ?? (mscale && all ? scaled(mscale) / scaled(all) : scaled(1)),
      };
    },
  ),

  longrope: rotaryType(
    z.looseObject({
      factor: factor.nullish(),
      short_factor: z.array(positive),
      long_factor: z.array(positive),
      original_max_position_embeddings: original,
      attention_factor: positive.nullish(),
    }),
    (values, facts) => {
      const originalMaximumPositions = originalPositions(values, facts);
      const scale = values.factor ?? facts.maximumPositions / originalMaximumPositions;
      // Ding et al. 2024, as in Phi 3.
      const attention = scale <= 1 ? 1 : Math.sqrt(1 + Math.log(scale) / Math.log(originalMaximumPositions));
      return {
        kind: 'longrope',
        ...common(facts),
        shortFactors: values.short_factor,
        longFactors: values.long_factor,
        originalMaximumPositions,
        attentionFactor: values.attention_factor ?? attention,
      };
    },
  ),
};

function common({ base, features }: RotaryFacts) {
  return { base, features };
}

/** The context of the first training. */
function originalPositions(
  values: { readonly original_max_position_embeddings?: number | null | undefined },
  { originalPositions: beside, maximumPositions }: RotaryFacts,
): number {
  return beside ?? values.original_max_position_embeddings ?? maximumPositions;
}
