import type { ChatMessage } from '../../questions/question.ts';
import type { Facts } from '../../sources/answer-source.ts';
import type { TokenProbability } from '../reading/expected-score.ts';
import type { AskingOptions } from './judge-model.ts';

/** A language model in this process, of which every probability can be had: what `localJudge` asks. */
export interface TokenScorer {
  /** Shown in reports. */
  readonly name: string;
  /** Whatever decides its probabilities: model, adapter, precision. */
  readonly settings?: Facts;
  readonly details?: Facts;
  /**
   * What comes next after a conversation and each of some beginnings of its answer ('' for none).
   *
   * @returns for each beginning the candidates for the next token, the likeliest first: all that begin with a digit or are
   *   white space, and the 20 likeliest, with natural logarithms of their probabilities. The end of the turn is ''.
   */
  next(
    messages: readonly ChatMessage[],
    beginnings: readonly string[],
    options?: AskingOptions,
  ): Promise<readonly (readonly TokenProbability[])[]>;
  /** Its likeliest answer, of so many tokens at most. */
  answer(
    messages: readonly ChatMessage[],
    options: AskingOptions & { readonly maxTokens: number },
  ): Promise<string>;
}
