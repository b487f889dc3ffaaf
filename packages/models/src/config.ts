import { join } from 'node:path';
import { z } from 'zod';
import { UnsupportedModelError } from './errors.ts';
import { families } from './families/families.ts';
import type { Family } from './families/family.ts';
import { checkContent, readJson, readOptionalJson } from './json-file.ts';
import type { RotaryConfig } from './rotary-config.ts';

/** Everything about a model's architecture that its blocks need; the same for all families. */
export interface ModelConfig {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** Rows of the embedding; may be more than the tokenizer has tokens. */
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  /** Heads of keys and values; each serves headCount / keyValueHeadCount query heads. */
  readonly keyValueHeadCount: number;
  readonly headSize: number;
  /** Epsilon of the RMS normalisations. */
  readonly normEpsilon: number;
  /** Longest sequence the model was made for, in tokens. */
  readonly maximumPositions: number;
  /** The embedding is the output layer too. */
  readonly tieWordEmbeddings: boolean;
  readonly rotary: RotaryConfig;
  /** Which linear layers have a bias. */
  readonly biases: LinearBiases;
  /** Tokens that end a text: of generation_config.json, else of config.json. Often more than one. */
  readonly eosTokenIds: readonly number[];
  readonly bosTokenId?: number;
  readonly padTokenId?: number;
}

/** Which linear layers have a bias. */
export interface LinearBiases {
  /** q_proj, k_proj and v_proj */
  readonly attentionInput: boolean;
  /** o_proj */
  readonly attentionOutput: boolean;
  /** gate_proj, up_proj and down_proj */
  readonly mlp: boolean;
}

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
export async function readModelConfig(directory: string): Promise<{ config: ModelConfig; family: Family }> {
  const file = join(directory, 'config.json');
  const content = await readJson(file);
  const { model_type: modelType } = checkContent(
    file,
    content,
    z.looseObject({ model_type: z.string().optional() }),
  );
  const family = families.find((candidate) => candidate.modelType === modelType);
  if (family === undefined) {
    throw new UnsupportedModelError(
      file,
      modelType,
      families.map((candidate) => candidate.modelType),
    );
  }
  const architecture = family.readConfig(content, file);
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
    family,
    config: {
      ...architecture,
      eosTokenIds: [generation.eos_token_id ?? own.eos_token_id ?? []].flat(),
      ...(bos == null ? {} : { bosTokenId: bos }),
      ...(pad == null || pad < 0 ? {} : { padTokenId: pad }),
    },
  };
}
