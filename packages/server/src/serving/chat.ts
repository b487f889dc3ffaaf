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
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly stop: readonly string[];
  /** How many of the likeliest tokens to tell beside each token, 0 to 20; undefined: no log-probabilities. */
  readonly topLogProbabilities?: number;
  readonly signal: AbortSignal;
}

/** A token's text and the natural logarithm of its probability. */
export interface TokenProbability {
  readonly token: string;
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

/** Answers of the base models and of what was made of them. */
export interface Chat {
  /** The pieces of one answer; its end is what the generator returns. Leaving it ends the generation. */
  answer(call: ChatCall): AsyncGenerator<ChatPiece, ChatEnd, void>;
  /** Forgets a model that was deleted. */
  forget(adapter: string): Promise<void>;
  close(): Promise<void>;
}
