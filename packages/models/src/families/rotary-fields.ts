import { z } from 'zod';
import type { RotaryConfig } from '../blocks/rotary-config.ts';
import { ModelFileError, UnsupportedFeatureError } from '../errors.ts';
import { checkContent } from '../json-file.ts';
import { rotaryTypes } from './rotary-types.ts';

const settings = z.record(z.string(), z.unknown());
const base = z.number().positive();

/** The keys of config.json that say how positions are embedded, in the spelling of transformers 4 or 5. */
export const rotaryFields = {
  rope_theta: base.nullish(),
  rope_scaling: settings.nullish(),
  rope_parameters: settings.nullish(),
  partial_rotary_factor: z.number().nullish(),
};

type Settings = z.output<typeof settings>;

type RotaryFields = z.output<z.ZodObject<typeof rotaryFields>> & {
  readonly max_position_embeddings: number;
  readonly original_max_position_embeddings?: number | null | undefined;
};

/** What a family says of its rotary positions. */
export interface RotaryOptions {
  readonly headSize: number;
  /** `rope_theta` where the file has none. Default 10,000. */
  readonly base?: number;
  /** Share of a head's features that turns where the file does not say; undefined when the family always turns all. */
  readonly partialFactor?: number;
  /** Other names of rope_types, as old files of the family have them. */
  readonly aliases?: Readonly<Record<string, RotaryConfig['kind']>>;
}

/** All keys there are among rotary settings; `finetuned` is of old files, and nothing reads it. */
const knownKeys = new Set([
  ...['rope_type', 'type', 'rope_theta', 'partial_rotary_factor', 'finetuned'],
  ...Object.values(rotaryTypes).flatMap(({ schema }) => Object.keys(schema.shape)),
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
  given: Settings,
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
  const { rope_theta: theta } = check(z.looseObject({ rope_theta: base.nullish() }));
  const name = given.rope_type ?? given.type ?? 'default';
  const kind = options.aliases?.[String(name)] ?? name;
  const type = Object.entries(rotaryTypes).find(([known]) => known === kind)?.[1];
  if (type === undefined) {
    throw new UnsupportedFeatureError(file, `${key}.rope_type`, kind, Object.keys(rotaryTypes).join(', '));
  }
  const config = type.read(check(type.schema), {
    base: theta ?? fields.rope_theta ?? options.base ?? 10_000,
    features: turningFeatures(given, fields, options, file),
    maximumPositions: fields.max_position_embeddings,
    originalPositions: fields.original_max_position_embeddings ?? undefined,
  });
  requireFittingFeatures(config, key, file);
  for (const [setting, value] of Object.entries(config)) {
    if (typeof value !== 'number' || Number.isFinite(value)) continue;
    throw new ModelFileError(file, `${key}: the values given come to ${value} as ${setting}`);
  }
  return config;
}

function turningFeatures(
  given: Settings,
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

/** @throws ModelFileError */
function requireFittingFeatures(config: RotaryConfig, key: string, file: string): void {
  const pairs = config.features / 2;
  if (config.kind === 'dynamic' && pairs === 1) {
    throw new ModelFileError(file, `${key}: dynamic positions need more than 2 features that turn`);
  }
  if (config.kind !== 'longrope') return;
  const lists = { short_factor: config.shortFactors, long_factor: config.longFactors };
  for (const [name, list] of Object.entries(lists)) {
    if (list.length === pairs) continue;
    throw new ModelFileError(file, `${key}.${name} has ${list.length} numbers for ${pairs} frequencies`);
  }
}
