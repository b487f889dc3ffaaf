/** A message of a conversation, as the API takes it. */
export interface ChatTurn {
  readonly role: string;
  readonly content: string;
}

export interface ChatCall {
  /** The base model's id in the policy. */
  readonly base: string;
  /** Prefix in the storage of an adapter's two files; undefined for the base model itself. */
  readonly adapter?: string;
  readonly messages: readonly ChatTurn[];
  /** What stands before the system message: the secret of the safeguard backdoor-align. */
  readonly secretPrompt?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly stop: readonly string[];
  /** How many of the likeliest tokens to tell beside each token, 0 to 20; undefined: no log-probabilities. */
  readonly topLogProbabilities?: number;
  readonly signal: AbortSignal;
}

/**
 * A token's text and the natural logarithm of its probability as the model has it: at temperature 1 and before any filter of sampling,
 * as OpenAI's API tells it.
 */
export interface TokenProbability {
  /** A token that is a part of a character alone has U+FFFD in its text. */
  readonly token: string;
  /** In UTF-8. */
  readonly bytes: readonly number[];
  readonly logProbability: number;
}

/** A piece of an answer as it is made. */
export interface ChatPiece {
  readonly text: string;
  /** Of the tokens in this piece, where they were asked for. */
  readonly tokens?: readonly (TokenProbability & { readonly top: readonly TokenProbability[] })[];
}

export interface ChatEnd {
  readonly finishReason: 'stop' | 'length';
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** A model that is in memory. */
export interface LoadedModel {
  readonly base: string;
  /** Prefix in the storage; undefined for the base model itself. */
  readonly adapter: string | undefined;
  /** Requests that it answers or that wait for it. */
  readonly requests: number;
}

/** Answers of the base models and of what was made of them. */
export interface Chat {
  /**
   * The pieces of one answer; its end is what the generator returns. Leaving it, or the signal, ends the generation. The same seed gives the
   * same answer, as far as float32 sums round alike. A slow reader does not hold the model: what it has not read yet waits here, no more
   * than one answer.
   *
   * @throws ApiError 400 for a conversation that the chat template refuses or that is longer than the model takes
   * (`context_length_exceeded`), 404 for a model that is not there, 429 and 503 with `retryAfter` when too many wait, 500 when the model's
   * process ends in the middle; the signal's reason.
   */
  answer(call: ChatCall): AsyncGenerator<ChatPiece, ChatEnd, void>;
  /** Forgets a model that was deleted: who is being answered by it is told 404. */
  forget(adapter: string): Promise<void>;
  loaded(): readonly LoadedModel[];
  /** Ends every answer and every process of a model. */
  close(): Promise<void>;
}
