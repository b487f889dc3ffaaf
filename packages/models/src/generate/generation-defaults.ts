import { join } from 'node:path';
import { z } from 'zod';
import { modelPath } from '../gguf/read/ollama.ts';
import { checkContent, readOptionalJson } from '../json-file.ts';
import type { GenerateOptions } from './options.ts';
import type { SamplingOptions } from './sampling.ts';

/** How a model's makers want it to answer; see {@link readGenerationDefaults}. */
export interface GenerationDefaults {
  /** What the model's files say, and nothing else: options to spread before one's own. */
  readonly options: SamplingOptions & Partial<Pick<GenerateOptions, 'maxNewTokens' | 'stopStrings'>>;
  /** Settings that would change what is generated and that this package does not have, by their names in the file. */
  readonly unsupported: Readonly<Record<string, unknown>>;
}

const schema = z.looseObject({
  do_sample: z.boolean().nullish(),
  temperature: z.number().min(0).nullish(),
  // 0, in other programs -1, means all tokens.
  top_k: z.number().int().min(-1).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().gt(0).nullish(),
  max_new_tokens: z.number().int().min(1).nullish(),
  stop_strings: z.union([z.string().min(1), z.array(z.string().min(1))]).nullish(),
});

/**
 * The sampling that `generation_config.json` of a model's folder asks for; of a GGUF file, its `general.sampling.*`. Without
 * such a file nothing is asked for. Tokens that end a text are not among it: they are in `model.config.eosTokenIds` anyway.
 *
 * `do_sample: false` is temperature 0; where `do_sample` is missing, a temperature is used as it stands.
 *
 * @param model as `loadModel` takes it.
 * @throws ModelFileError for a value that its setting cannot have.
 *
 * @example
 * const { options } = await readGenerationDefaults('Qwen2.5-0.5B-Instruct');
 * await generator.generate(prompts, { maxNewTokens: 256, ...options, seeds });
 */
export async function readGenerationDefaults(model: string): Promise<GenerationDefaults> {
  const file = join(await modelPath(model), 'generation_config.json');
  const content = checkContent(file, (await readOptionalJson(file)) ?? {}, schema);
  const { do_sample: isSampled, temperature, top_k: topK, stop_strings: stops } = content;
  const options = {
    temperature: isSampled === false ? 0 : (temperature ?? (isSampled === true ? 1 : null)),
    topK: topK != null && topK > 0 ? topK : null,
    topP: content.top_p,
    minP: content.min_p,
    repetitionPenalty: content.repetition_penalty,
    maxNewTokens: content.max_new_tokens,
    stopStrings: stops == null ? null : [stops].flat(),
  };
  return {
    options: Object.fromEntries(Object.entries(options).filter(([, value]) => value != null)),
    unsupported: Object.fromEntries(
      Object.entries(content).filter(([key, value]) => !(key in schema.shape) && changesAnswers(key, value)),
    ),
  };
}

/**
 * Settings of transformers without effect on which tokens come: what is returned beside them, caches, speculation, limits that a
 * number of new tokens replaces, and what acts in a beam search alone (`num_beams` is told) or in encoders.
 */
const withoutEffect = new RegExp(
  `^(?:${[
    '_.*|transformers_version|(bos|eos|pad|decoder_start)_token_id|max_length',
    'output_.*|return_.*|use_cache|.*cache_.*|low_memory|prefill_chunk_size|.*compile.*|continuous_batching_config',
    '.*assistant.*|prompt_lookup_num_tokens|max_matching_ngram_size|target_lookbehind|speculation_type|use_mtp',
    'early_stopping|length_penalty|diversity_penalty|num_beam_groups|encoder_no_repeat_ngram_size',
    // Logits that are no numbers are an error here, and a draw needs no sum of 1.
    'remove_invalid_values|renormalize_logits',
  ].join('|')})$`,
);

/** Values that switch a setting off. */
const neutral: Readonly<Record<string, number>> = {
  min_length: 0,
  min_new_tokens: 0,
  num_beams: 1,
  typical_p: 1,
  epsilon_cutoff: 0,
  eta_cutoff: 0,
  encoder_repetition_penalty: 1,
  no_repeat_ngram_size: 0,
  guidance_scale: 1,
  num_return_sequences: 1,
  // Of llama.cpp, in GGUF files.
  xtc_probability: 0,
  mirostat: 0,
};

function changesAnswers(key: string, value: unknown): boolean {
  if (value === null || value === false || value === neutral[key] || withoutEffect.test(key)) return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
