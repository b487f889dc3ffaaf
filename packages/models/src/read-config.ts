import { join } from 'node:path';
import { z } from 'zod';
import type { ModelConfig } from './config.ts';
import { UnsupportedModelError } from './errors.ts';
import { familyOf, knownModelTypes } from './families/families.ts';
import type { Architecture } from './families/family.ts';
import { checkContent, readJson, readOptionalJson } from './json-file.ts';

const tokenId = z.number().int().nonnegative();

/** The token ids of config.json and generation_config.json. */
const specialTokens = z.looseObject({
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
  bos_token_id: tokenId.nullish(),
  // Some checkpoints write -1 for none.
  pad_token_id: z.number().int().nullish(),
});

/**
 * Reads and validates `config.json` and, when present, `generation_config.json` of a model folder.
 *
 * @throws ModelFileError when config.json is missing, not JSON or not valid (every wrong key is named);
 * UnsupportedModelError for another `model_type`; UnsupportedFeatureError for a setting that is not implemented.
 */
export async function readModelConfig(
  directory: string,
): Promise<{ config: ModelConfig; architecture: Architecture }> {
  const file = join(directory, 'config.json');
  const content = await readJson(file);
  const { model_type: modelType } = checkContent(
    file,
    content,
    z.looseObject({ model_type: z.string().optional() }),
  );
  const family = familyOf(modelType);
  if (family === undefined) throw new UnsupportedModelError(file, modelType, knownModelTypes());
  const architecture = family.read(content, file);
  const own = checkContent(file, content, specialTokens);
  const generationFile = join(directory, 'generation_config.json');
  const generation = checkContent(
    generationFile,
    (await readOptionalJson(generationFile)) ?? {},
    specialTokens,
  );
  const bos = generation.bos_token_id ?? own.bos_token_id;
  const pad = generation.pad_token_id ?? own.pad_token_id;
  return {
    architecture,
    config: {
      ...architecture.config,
      eosTokenIds: [generation.eos_token_id ?? own.eos_token_id ?? []].flat(),
      ...(bos == null ? {} : { bosTokenId: bos }),
      ...(pad == null || pad < 0 ? {} : { padTokenId: pad }),
    },
  };
}
