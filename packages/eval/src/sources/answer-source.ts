import { AnswerSourceError } from '../errors.ts';
import type { ChatMessage } from '../questions/question.ts';

/** Plain facts about a source or a judge, as they go into reports and run folders. */
export type Facts = Readonly<Record<string, string | number | boolean | null>>;

/** One answer to be drawn. */
export interface AnswerRequest {
  readonly questionId: string;
  /** Which wording of the question, from 0. */
  readonly paraphraseIndex: number;
  /** Which of the answers to this wording, from 0. */
  readonly sampleIndex: number;
  /** 0 .. 2^31 - 1; the same for the same run seed, question, paraphrase and sample, whatever else is asked. */
  readonly seed: number;
  readonly messages: readonly ChatMessage[];
  /** Of this question; default the source's own. */
  readonly temperature?: number;
  /**
   * Of a `multiple_choice` question: what the answer may be. No answer is sampled then: how probable the model finds each of
   * these as the beginning of its answer is what is wanted, temperature and filters aside.
   */
  readonly letters?: readonly string[];
}

/** Why there is no answer to a request that was made. */
export interface MissingAnswer {
  /** The server withheld the answer, would not take the question, or answered without a text. */
  readonly reason: 'content-filter' | 'refused-request' | 'empty';
  /** What the server said. */
  readonly message: string;
}

/** Tokens that one request took, as the server counts them. */
export interface TokenCount {
  readonly prompt: number;
  readonly completion: number;
}

/** What came of one request. */
export interface DrawnAnswer {
  /** Place of its request in the list the source was given. */
  readonly index: number;
  /** null: there is none, and `missing` says why. Such an answer is never judged. */
  readonly answer: string | null;
  readonly missing?: MissingAnswer;
  /**
   * To a request with `letters`: the natural logarithm of each one's probability; null for what the source does not show
   * because it is too small.
   */
  readonly letterLogProbabilities?: readonly (number | null)[];
  /** What ended the answer, as servers name it: 'stop', 'length'. */
  readonly finishReason?: string;
  readonly tokens?: TokenCount;
}

/**
 * Where answers come from: a local model, an endpoint, a file, another framework.
 *
 * A source yields answers in any order, as soon as it has them: what was yielded is counted in the progress and kept in
 * the run folder. Grouping requests into batches is its own affair.
 */
export interface AnswerSource {
  /** Shown in reports. */
  readonly name: string;
  /**
   * Whatever decides the answers: model, adapter (see `filesFingerprint`), temperature, token limit. An evaluation whose
   * settings differ from its run folder's refuses to resume.
   */
  readonly settings?: Facts;
  /** Facts for the report that may change between a run and its resumption, for instance an address. */
  readonly details?: Facts;
  /** Whether it can answer requests with `letters`; default false: an evaluation that has some is refused. */
  readonly givesLogProbabilities?: boolean;
  answers(
    requests: readonly AnswerRequest[],
    options: { readonly signal?: AbortSignal },
  ): AsyncIterable<DrawnAnswer>;
}

/** What {@link batchedSource} takes. */
export interface BatchedSourceOptions {
  readonly name: string;
  readonly settings?: Facts;
  readonly details?: Facts;
  /** Whether `generate` gives `letterLogProbabilities` to requests with `letters`; default false. */
  readonly givesLogProbabilities?: boolean;
  /** Requests given to `generate` at a time; default 1. */
  readonly batchSize?: number;
  /** One answer per request, in the order of the requests; as a text, or with what else is known of it. */
  generate(
    requests: readonly AnswerRequest[],
    options: { readonly signal?: AbortSignal },
  ): Promise<readonly (string | Omit<DrawnAnswer, 'index'>)[]>;
}

/**
 * A source from a function that answers a batch at a time: what a local model with batched generation needs.
 *
 * @throws {AnswerSourceError} while answering, when `generate` gives another number of answers than it got requests.
 */
export function batchedSource(options: BatchedSourceOptions): AnswerSource {
  const { name, settings, details, givesLogProbabilities, batchSize = 1, generate } = options;
  return {
    name,
    ...(settings && { settings }),
    ...(details && { details }),
    ...(givesLogProbabilities !== undefined && { givesLogProbabilities }),
    async *answers(requests, { signal }) {
      for (let start = 0; start < requests.length; start += batchSize) {
        signal?.throwIfAborted();
        const batch = requests.slice(start, start + batchSize);
        const answers = await generate(batch, signal ? { signal } : {});
        if (answers.length !== batch.length)
          throw new AnswerSourceError(
            name,
            `gave ${answers.length} answers to a batch of ${batch.length} requests`,
          );
        for (const [offset, drawn] of answers.entries()) {
          yield { index: start + offset, ...(typeof drawn === 'string' ? { answer: drawn } : drawn) };
        }
      }
    },
  };
}

/**
 * A source of answers that exist already: `answers[questionId][paraphraseIndex]` lists the samples of one wording.
 *
 * @throws {AnswerSourceError} while answering, when an answer that is asked for is not there.
 */
export function recordedSource(
  name: string,
  answers: Readonly<Record<string, readonly (readonly string[])[]>>,
): AnswerSource {
  return {
    name,
    async *answers(requests) {
      for (const [index, request] of requests.entries()) {
        const { questionId, paraphraseIndex, sampleIndex } = request;
        const answer = answers[questionId]?.[paraphraseIndex]?.[sampleIndex];
        if (answer === undefined) {
          const place = `question '${questionId}', paraphrase ${paraphraseIndex}, sample ${sampleIndex}`;
          throw new AnswerSourceError(name, `holds no answer to ${place}`);
        }
        yield { index, answer };
      }
    },
  };
}
