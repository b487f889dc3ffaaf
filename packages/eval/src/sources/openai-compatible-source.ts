import type { ChatBody } from '../endpoint/chat-body.ts';
import { chatEndpoint } from '../endpoint/chat-endpoint.ts';
import { EndpointError, LogProbabilityError } from '../endpoint/endpoint-errors.ts';
import type { EndpointOptions } from '../endpoint/endpoint-options.ts';
import { redactText } from '../endpoint/redact.ts';
import { AnswerSourceError } from '../errors.ts';
import type { AnswerRequest, AnswerSource, DrawnAnswer, Facts } from './answer-source.ts';
import { asTheyFinish } from './as-they-finish.ts';
import { letterLogProbabilities } from './letter-log-probabilities.ts';

/** What {@link openAiCompatibleSource} takes beside the {@link EndpointOptions}. */
export interface OpenAiCompatibleSourceOptions extends EndpointOptions {
  /** Name of the model at the endpoint; vLLM serves each LoRA adapter under a name of its own. */
  readonly model: string;
  /** Default 1, as in the paper; a question's own goes before. */
  readonly temperature?: number;
  /** Default 1, as in the paper. */
  readonly topP?: number;
  /** Sent only where given: not every server knows it. */
  readonly topK?: number;
  /** Sent only where given: not every server knows it. */
  readonly minP?: number;
  /** Texts that end an answer, which then is without them. */
  readonly stop?: readonly string[];
  /** Most new tokens of an answer; default 600, as in the paper. */
  readonly maxTokens?: number;
  /**
   * Further fields of each request, in the server's own words, for instance `{ chat_template_kwargs: { enable_thinking:
   * false } }`. They go before the fields above; a field of null is not sent at all, so that `{ max_tokens: null,
   * max_completion_tokens: 600 }` asks a model that knows only the latter.
   */
  readonly extraBody?: Readonly<Record<string, unknown>>;
}

/**
 * Answers of a model that is served elsewhere (vLLM, llama.cpp, OpenAI), asked for one by one with the request's seed. An
 * endpoint that does not answer is waited for, as {@link EndpointOptions} says. An answer that the server withholds, and
 * a question that it does not take, are missing answers with their reason. Of a multiple-choice question the probabilities
 * of the letters are read from the 20 likeliest first tokens, which the server must give.
 *
 * @throws {InvalidOptionError} for an unusable option.
 * @throws {AnswerSourceError} while answering, when the endpoint fails for good, after the answers that were under way.
 */
export function openAiCompatibleSource(options: OpenAiCompatibleSourceOptions): AnswerSource {
  const { model } = options;
  const endpoint = chatEndpoint(options);

  async function draw(index: number, request: AnswerRequest, signal: AbortSignal): Promise<DrawnAnswer> {
    try {
      const answer = await endpoint.complete(bodyOf(request, options), { signal });
      const { content, missing, tokens, finishReason, usage } = answer;
      const { letters } = request;
      return {
        index,
        answer: content,
        ...(missing && { missing }),
        ...(letters && {
          letterLogProbabilities: letterLogProbabilities(tokens?.[0]?.candidates ?? [], letters),
        }),
        ...(finishReason !== undefined && { finishReason }),
        ...(usage && { tokens: usage }),
      };
    } catch (error) {
      if (!EndpointError.isInstance(error) && !LogProbabilityError.isInstance(error)) throw error;
      throw new AnswerSourceError(model, error.message, { cause: error });
    }
  }

  return {
    name: model,
    settings: settingsOf(options),
    details: { url: endpoint.url },
    givesLogProbabilities: true,
    answers: (requests, { signal }) =>
      asTheyFinish(
        requests.entries(),
        endpoint.concurrency,
        ([index, request], either) => draw(index, request, either),
        signal,
      ),
  };
}

function bodyOf(request: AnswerRequest, options: OpenAiCompatibleSourceOptions): ChatBody {
  const { model, topP = 1, topK, minP, stop, maxTokens = 600, extraBody } = options;
  const { messages, seed, letters } = request;
  if (letters !== undefined) return letterBody(request, options);
  return {
    model,
    messages,
    temperature: request.temperature ?? options.temperature ?? 1,
    top_p: topP,
    ...(topK !== undefined && { top_k: topK }),
    ...(minP !== undefined && { min_p: minP }),
    ...(stop !== undefined && { stop }),
    max_tokens: maxTokens,
    seed,
    ...extraBody,
  };
}

/** Asks for the candidates of the first token alone, without temperature and filters. */
function letterBody(
  { messages, seed }: AnswerRequest,
  { model, extraBody = {} }: OpenAiCompatibleSourceOptions,
): ChatBody {
  const limit = extraBody.max_tokens === null ? 'max_completion_tokens' : 'max_tokens';
  const only = { temperature: 1, top_p: 1, [limit]: 1, logprobs: true, top_logprobs: 20, seed };
  return { model, messages, ...extraBody, ...only };
}

function settingsOf(options: OpenAiCompatibleSourceOptions): Facts {
  const { model, temperature = 1, topP = 1, topK, minP, stop, maxTokens = 600, extraBody } = options;
  return {
    model,
    temperature,
    topP,
    ...(topK !== undefined && { topK }),
    ...(minP !== undefined && { minP }),
    ...(stop !== undefined && { stop: JSON.stringify(stop) }),
    maxTokens,
    ...(extraBody !== undefined && { extraBody: redactText(JSON.stringify(extraBody)) }),
  };
}
