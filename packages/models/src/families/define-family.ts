import type { z } from 'zod';
import { checkContent } from '../json-file.ts';
import type { Architecture, Family } from './family.ts';
import { refuseUnknownKeys } from './known-keys.ts';

/** What {@link defineFamily} makes a family of. */
export interface FamilyDefinition<Schema extends z.ZodObject> {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** The keys of config.json that are read; see `decoderSchema`. Others that say something are refused. */
  readonly schema: Schema;
  /** Keys that files of this family have and that change nothing. Default: none but what is harmless in all families. */
  readonly ignored?: readonly string[];
  /**
   * What a model is made of.
   *
   * @throws ModelFileError, UnsupportedFeatureError
   */
  architecture(fields: z.output<Schema>, file: string): Architecture;
}

/** A family from the keys that its config.json may have, and a function of their values. */
export function defineFamily<Schema extends z.ZodObject>(definition: FamilyDefinition<Schema>): Family {
  const { modelType, schema, ignored = [], architecture } = definition;
  const read = new Set([...Object.keys(schema.shape), ...ignored]);
  return {
    modelType,
    read(content, file) {
      const fields = checkContent(file, content, schema);
      refuseUnknownKeys(fields, read, file);
      return architecture(fields, file);
    },
  };
}
