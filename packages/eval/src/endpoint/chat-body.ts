import type { ChatMessage } from '../questions/question.ts';

/** The body of a request for one chat completion, in the words of OpenAI's API; servers know further fields. */
export interface ChatBody {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly temperature?: number | null;
  readonly top_p?: number | null;
  /** Most new tokens. */
  readonly max_tokens?: number | null;
  readonly seed?: number | null;
  readonly stop?: string | readonly string[] | null;
  /** Whether the log-probabilities of the new tokens are wanted; an answer without them is then an error. */
  readonly logprobs?: boolean;
  /** How many candidates for each token. */
  readonly top_logprobs?: number | null;
  /** A field of null is not sent. */
  readonly [field: string]: unknown;
}
