import type { AnswerToken, ChatAnswer } from '../../endpoint/chat-answer.ts';
import { chatEndpoint } from '../../endpoint/chat-endpoint.ts';
import { EndpointError, LogProbabilityError } from '../../endpoint/endpoint-errors.ts';
import type { EndpointOptions } from '../../endpoint/endpoint-options.ts';
import type { ChatMessage } from '../../questions/question.ts';
import type { MissingAnswer, TokenCount } from '../../sources/answer-source.ts';
import type { AskingOptions } from './judge-model.ts';

/** What a judge model answered to one request. */
export interface JudgeWords {
  readonly text: string;
  /** Its tokens with their candidates; empty when no candidates were asked for, or it said nothing. */
  readonly tokens: readonly AnswerToken[];
  /** Why there is no answer: the server would not take the prompt, or held the answer back. */
  readonly missing?: MissingAnswer;
  readonly usage?: TokenCount;
}

/**
 * How an endpoint is told to go on with a beginning of its own answer. Both send it as a last message of the assistant:
 * 'flagged' with vLLM's `continue_final_message`, 'plain' with nothing else, as llama.cpp takes it.
 */
export type Continuation = 'flagged' | 'plain';

export interface WordsOptions extends AskingOptions {
  /** Longest answer, in tokens. */
  readonly maxTokens: number;
  /** Candidates wanted for every token; 0: none. */
  readonly tops: number;
  /** The beginning of the answer, which it goes on with. */
  readonly beginning?: { readonly text: string; readonly continuation: Continuation };
}

/** One judge model at an OpenAI-compatible endpoint, asked at temperature 0. */
export interface JudgeEndpoint {
  /** Of the judge, in reports. */
  readonly name: string;
  readonly url: string;
  readonly model: string;
  readonly concurrency: number;
  /**
   * @throws {EndpointError} when it fails for good.
   * @throws {LogProbabilityError} when candidates are asked for, and there are none or their probabilities cannot be.
   */
  ask(prompt: string, options: WordsOptions): Promise<JudgeWords>;
}

/** @throws {InvalidOptionError} for an option outside its range. */
export function judgeEndpoint(
  options: EndpointOptions & { readonly model: string; readonly name?: string },
): JudgeEndpoint {
  const { model, name = model } = options;
  const { url, concurrency, complete } = chatEndpoint(options);
  return {
    name,
    url,
    model,
    concurrency,
    async ask(prompt, { maxTokens, tops, beginning, signal }) {
      const messages: ChatMessage[] = [{ role: 'user', content: prompt }];
      if (beginning !== undefined) messages.push({ role: 'assistant', content: beginning.text });
      const body = {
        model,
        messages,
        max_tokens: maxTokens,
        temperature: 0,
        ...(tops > 0 && { logprobs: true, top_logprobs: tops }),
        ...(beginning?.continuation === 'flagged' && {
          continue_final_message: true,
          add_generation_prompt: false,
        }),
      };
      const answer = await complete(body, signal ? { signal } : {});
      return wordsOf(answer, url, tops > 0);
    },
  };
}

function wordsOf(
  { content, missing, tokens = [], usage }: ChatAnswer,
  url: string,
  hasCandidates: boolean,
): JudgeWords {
  const counted = usage && { usage };
  // An answer without a text may come with another try.
  if (missing?.reason === 'empty') throw new EndpointError(url, 'answer', 200, missing.message);
  if (missing !== undefined) return { text: '', tokens: [], missing, ...counted };
  if (!hasCandidates) return { text: content ?? '', tokens: [], ...counted };
  for (const { candidates } of tokens) requireProbabilities(candidates, url);
  return { text: content ?? '', tokens, ...counted };
}

/** Above 1 by more than rounding, a sum is none of probabilities. */
const mostTogether = 1.01;

function requireProbabilities(candidates: AnswerToken['candidates'], url: string): void {
  if (candidates.length === 0) {
    const message = 'no candidates are listed for a token (top_logprobs), which were asked for';
    throw new LogProbabilityError(url, 'missing', message);
  }
  const together = candidates.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0);
  if (together <= mostTogether) return;
  const message = `the probabilities of the candidates for one token add up to ${together.toFixed(3)}: its log-probabilities cannot be trusted`;
  throw new LogProbabilityError(url, 'above-zero', message);
}
