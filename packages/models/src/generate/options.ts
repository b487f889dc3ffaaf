import { type RuntimeOptions, unknownOption } from '@safetune/tensor';
import type { CausalLm, ForwardOptions } from '../causal-lm.ts';
import { GenerationError } from '../errors.ts';
import type { LinearAdapter } from '../linear.ts';
import type { Tokenizer } from '../tokenizer.ts';
import type { TokenLogProbabilities } from './log-probabilities.ts';
import { checkSamplingOptions, type SamplingOptions } from './sampling.ts';

/** Options of `createGenerator`. */
export interface GeneratorOptions extends RuntimeOptions {
  /** Changes the linear layers, for example LoRA. Its values are read anew at every step. */
  readonly adapter?: LinearAdapter;
  /** Edits the residual stream; see {@link ForwardOptions.hidden}. */
  readonly hidden?: NonNullable<ForwardOptions['hidden']>;
  /**
   * Whether a text of one call is kept for the next, which is then sooner done where it begins alike. Default true. False where texts of
   * strangers follow each other: how soon an answer begins would tell one of them what another asked.
   */
  readonly keepsText?: boolean;
}

/** What stop strings need of a tokenizer. */
export type StopTokenizer = Pick<Tokenizer, 'decode' | 'tokenId'>;

export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to add to each prompt. */
  readonly maxNewTokens: number;
  /** One seed a prompt, whole numbers from 0; required above temperature 0. */
  readonly seeds?: readonly number[];
  /** Tokens that end a text. Default: the model's `eosTokenIds`. */
  readonly stopTokenIds?: readonly number[];
  /**
   * Texts that end a text once they stand in what was made, across tokens too, as `stop_strings` of transformers. The token
   * that completes one is the last of the tokens; answers as text end before it. A special token's text stops at that token.
   * Default: none.
   */
  readonly stopStrings?: readonly string[];
  /** Needed for `stopStrings`; functions on conversations give it by themselves. */
  readonly tokenizer?: StopTokenizer;
  /** Most prompts computed at once; more are taken in turns, the longest first. Default 16. */
  readonly batchSize?: number;
  /**
   * How many of the likeliest tokens to tell beside each token made, with logarithms of probabilities; 0 tells that of the token alone.
   * They are the model's own: at temperature 1, before the repetition penalty and all filters. Default: none are told.
   */
  readonly logProbabilities?: number;
  /** Hears of every token as it is made. */
  readonly onToken?: (made: GeneratedToken) => void;
  /** Hears after every step. */
  readonly onProgress?: (progress: GenerationProgress) => void;
  /** Ends the generation before its next step: generate then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A token as it is made. */
export interface GeneratedToken {
  /** Index of the prompt that it continues. */
  readonly prompt: number;
  readonly token: number;
  /** Why it is the last: a stop token or string, or the length; undefined while the text goes on. */
  readonly finishReason: FinishReason | undefined;
  /** Where `logProbabilities` asked for it. */
  readonly logProbabilities?: TokenLogProbabilities;
}

/** Why a text ended: a stop token or stop string came, or it is as long as it may be. */
export type FinishReason = 'stop' | 'length';

export interface GenerationProgress {
  /** Prompts whose text is complete. */
  readonly finished: number;
  /** All prompts. */
  readonly total: number;
  /** Tokens made so far, over all prompts. */
  readonly tokens: number;
}

type Names<Options> = Readonly<Record<keyof Required<Options>, true>>;

export const generatorNames = {
  executionProvider: true,
  threads: true,
  prepackWeights: true,
  adapter: true,
  hidden: true,
  keepsText: true,
} satisfies Names<GeneratorOptions>;

export const generateNames = {
  maxNewTokens: true,
  repetitionPenalty: true,
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  seeds: true,
  stopTokenIds: true,
  stopStrings: true,
  tokenizer: true,
  batchSize: true,
  logProbabilities: true,
  onToken: true,
  onProgress: true,
  signal: true,
} satisfies Names<GenerateOptions>;

/**
 * Options whose names are misspelt would be ignored in JavaScript.
 *
 * @param place the function that they are of
 * @throws GenerationError naming the one that there is not, and what may have been meant.
 */
export function checkOptionNames(place: string, options: object, known: object): void {
  const unknown = unknownOption(options, Object.keys(known));
  if (unknown !== undefined) throw new GenerationError(`${place}: ${unknown}`);
}

/** @throws GenerationError for an option that there is not or out of range, or a prompt that cannot be continued. */
export function checkGeneration(
  model: CausalLm,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): void {
  checkOptionNames('generate', options, generateNames);
  const { maxNewTokens, temperature = 0, seeds, batchSize = 1, logProbabilities = 0 } = options;
  checkSamplingOptions(options);
  for (const [name, value] of Object.entries({ maxNewTokens, batchSize })) requireCount(name, value);
  if (!Number.isSafeInteger(logProbabilities) || logProbabilities < 0)
    throw new GenerationError(`logProbabilities must be a whole number from 0, is ${logProbabilities}`);
  if (temperature > 0 && seeds?.length !== prompts.length) {
    throw new GenerationError(
      `sampling needs one seed a prompt: ${prompts.length} prompts, ${seeds?.length ?? 0} seeds`,
    );
  }
  for (const seed of seeds ?? []) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new GenerationError(`seed ${seed} is not a whole number from 0`);
  }
  checkStops(options);
  prompts.forEach((prompt, index) => {
    checkTokens(model, prompt, index);
    if (prompt.length >= model.config.maximumPositions) {
      throw new GenerationError(
        `its ${prompt.length} tokens fill the model's ${model.config.maximumPositions} positions`,
        index,
      );
    }
  });
}

/** @throws GenerationError for a prompt that is empty or holds a token that the model does not know. */
export function checkTokens(
  { config: { vocabularySize } }: CausalLm,
  tokens: readonly number[],
  prompt: number,
): void {
  if (tokens.length === 0) throw new GenerationError('is empty', prompt);
  const unknown = tokens.find((token) => !isToken(token, vocabularySize));
  if (unknown !== undefined) {
    throw new GenerationError(`token ${unknown} is not in the vocabulary of ${vocabularySize}`, prompt);
  }
}

/** @throws GenerationError for anything but a whole number from 1. */
export function requireCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new GenerationError(`${name} must be a whole number from 1, is ${value}`);
}

function checkStops({ stopTokenIds, stopStrings, tokenizer }: GenerateOptions): void {
  // Some checkpoints name end tokens beyond the model's vocabulary: they do no harm.
  const unknown = stopTokenIds?.find((token) => !isToken(token, Number.POSITIVE_INFINITY));
  if (unknown !== undefined) throw new GenerationError(`stopTokenIds: ${unknown} is no token`);
  if (stopStrings === undefined || stopStrings.length === 0) return;
  if (stopStrings.includes('')) throw new GenerationError('stopStrings: an empty one would end every text');
  if (tokenizer === undefined) throw new GenerationError('stopStrings need the option tokenizer');
}

function isToken(token: number, vocabularySize: number): boolean {
  return Number.isInteger(token) && token >= 0 && token < vocabularySize;
}
