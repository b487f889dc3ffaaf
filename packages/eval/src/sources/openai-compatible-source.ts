import { type ChatBody, chatEndpoint, type EndpointOptions } from '../endpoint.ts';
import { AnswerSourceError, EndpointError } from '../errors.ts';
import type { AnswerSource, DrawnAnswer } from './answer-source.ts';

/** What {@link openAiCompatibleSource} takes beside the {@link EndpointOptions}. */
export interface OpenAiCompatibleSourceOptions extends EndpointOptions {
  /** Name of the model at the endpoint. */
  readonly model: string;
  /** Default 1, as in the paper. */
  readonly temperature?: number;
  /** Default 1, as in the paper. */
  readonly topP?: number;
  /** Most new tokens of an answer; default 600, as in the paper. */
  readonly maxTokens?: number;
  /** Answers drawn at a time; default 8. */
  readonly concurrency?: number;
}

/**
 * Answers of a model that is served elsewhere (vLLM, llama.cpp, OpenAI), asked for one by one with the request's seed.
 *
 * @throws {AnswerSourceError} while answering, when the endpoint fails for good: unlike a judge's, a missing answer
 *   cannot be recorded as unscored.
 */
export function openAiCompatibleSource(options: OpenAiCompatibleSourceOptions): AnswerSource {
  const { model, temperature = 1, topP = 1, maxTokens = 600, concurrency = 8 } = options;
  const endpoint = chatEndpoint(options);
  return {
    name: model,
    settings: { model, temperature, topP, maxTokens },
    details: { url: endpoint.url },
    async *answers(requests, { signal }) {
      const underWay = new Map<number, Promise<DrawnAnswer>>();
      const waiting = requests.entries();
      for (;;) {
        while (underWay.size < concurrency) {
          const next = waiting.next();
          if (next.done) break;
          const [index, { messages, seed, temperature: ofQuestion }] = next.value;
          const body: ChatBody = {
            model,
            messages: [...messages],
            temperature: ofQuestion ?? temperature,
            top_p: topP,
            max_tokens: maxTokens,
            seed,
          };
          const answer = endpoint
            .complete(body, signal ? { signal } : {})
            .then((choice) => drawnAnswer(index, choice.message.content ?? null));
          // A failure surfaces through the race below; one that comes after it must not end the process.
          answer.catch(() => {});
          underWay.set(index, answer);
        }
        if (underWay.size === 0) return;
        const drawn = await firstOf(underWay, model);
        underWay.delete(drawn.index);
        yield drawn;
      }
    },
  };
}

function drawnAnswer(index: number, answer: string | null): DrawnAnswer {
  if (answer !== null) return { index, answer };
  return { index, answer, missing: { reason: 'empty', message: 'the server answered without a text' } };
}

async function firstOf(
  underWay: ReadonlyMap<number, Promise<DrawnAnswer>>,
  model: string,
): Promise<DrawnAnswer> {
  try {
    return await Promise.race(underWay.values());
  } catch (error) {
    if (!EndpointError.isInstance(error)) throw error;
    throw new AnswerSourceError(model, error.message, { cause: error });
  }
}
