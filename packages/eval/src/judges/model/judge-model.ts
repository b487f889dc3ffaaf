import type { Facts, MissingAnswer, TokenCount } from '../../sources/answer-source.ts';
import type { TokenProbability } from '../reading/expected-score.ts';
import type { ScoredNumber } from '../reading/scored-number.ts';

export interface AskingOptions {
  readonly signal?: AbortSignal;
}

/** What a judge model said. */
export interface ModelWords {
  readonly text: string;
  /** Why it said nothing: its server would not take the prompt, or held the answer back. */
  readonly missing?: MissingAnswer;
  readonly tokens?: TokenCount;
}

/** The first token of what a judge model says. */
export interface FirstToken extends ModelWords {
  /** The likeliest candidates, the likeliest first. */
  readonly candidates: readonly TokenProbability[];
}

/** A language model that judges, however it is reached. It is asked one prompt at a time, at temperature 0. */
export interface JudgeModel {
  readonly name: string;
  /** Whatever decides its scores. */
  readonly settings: Facts;
  readonly details: Facts;
  /** Prompts it may be asked at a time. */
  readonly concurrency: number;
  /** Asks for a number 0 .. 100. */
  number(prompt: string, options?: AskingOptions): Promise<ScoredNumber>;
  /** Asks for words. */
  words(prompt: string, options: AskingOptions & { readonly maxTokens: number }): Promise<ModelWords>;
  /** Asks for one token; undefined where no probabilities are to be had. */
  readonly firstToken?: ((prompt: string, options?: AskingOptions) => Promise<FirstToken>) | undefined;
}
