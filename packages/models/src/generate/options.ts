import type { CausalLm } from '../causal-lm.ts';
import { GenerationError } from '../errors.ts';
import { checkSamplingOptions, type SamplingOptions } from './sampling.ts';

export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to add to each prompt. */
  readonly maxNewTokens: number;
  /** One seed a prompt, whole numbers from 0; required above temperature 0. */
  readonly seeds?: readonly number[];
  /** Tokens that end a text. Default: the model's `eosTokenIds`. */
  readonly stopTokenIds?: readonly number[];
  /** Most prompts computed at once; more are taken in turns, the longest first. Default 16. */
  readonly batchSize?: number;
  /** Hears after every step. */
  readonly onProgress?: (progress: GenerationProgress) => void;
  /** Ends the generation before its next step: generate then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface GenerationProgress {
  /** Prompts whose text is complete. */
  readonly finished: number;
  /** All prompts. */
  readonly total: number;
  /** Tokens made so far, over all prompts. */
  readonly tokens: number;
}

/** @throws GenerationError for an option out of range, or a prompt that cannot be continued. */
export function checkGeneration(
  model: CausalLm,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): void {
  const { maxNewTokens, temperature = 0, seeds, batchSize = 1 } = options;
  checkSamplingOptions(options);
  for (const [name, value] of Object.entries({ maxNewTokens, batchSize })) {
    if (!Number.isInteger(value) || value < 1)
      throw new GenerationError(`${name} must be a whole number from 1, is ${value}`);
  }
  if (temperature > 0 && seeds?.length !== prompts.length) {
    throw new GenerationError(
      `sampling needs one seed a prompt: ${prompts.length} prompts, ${seeds?.length ?? 0} seeds`,
    );
  }
  for (const seed of seeds ?? []) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new GenerationError(`seed ${seed} is not a whole number from 0`);
  }
  const { vocabularySize, maximumPositions } = model.config;
  prompts.forEach((prompt, index) => {
    if (prompt.length === 0) throw new GenerationError('is empty', index);
    if (prompt.length >= maximumPositions) {
      throw new GenerationError(
        `its ${prompt.length} tokens fill the model's ${maximumPositions} positions`,
        index,
      );
    }
    const unknown = prompt.find((token) => !Number.isInteger(token) || token < 0 || token >= vocabularySize);
    if (unknown !== undefined) {
      throw new GenerationError(`token ${unknown} is not in the vocabulary of ${vocabularySize}`, index);
    }
  });
}
