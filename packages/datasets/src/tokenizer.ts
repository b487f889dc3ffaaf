import type { ChatMessage } from './example/message.ts';
import type { JsonObject } from './json.ts';

/** What a chat template is rendered with besides the messages. */
export interface ChatRenderOptions {
  /** End where the model would begin its answer. Default false. */
  readonly addGenerationPrompt?: boolean;
  readonly tools?: readonly JsonObject[];
  readonly documents?: readonly JsonObject[];
  /** Variables of the template. */
  readonly templateArguments?: JsonObject;
}

/** A rendered conversation. */
export interface MarkedChat {
  readonly text: string;
  /** Characters that the template marks as said by the assistant (`{% generation %}`), in order; undefined without marks. */
  readonly generated: readonly { readonly start: number; readonly end: number }[] | undefined;
}

/** What this package needs of a tokenizer; the one of `@safetune/models` fits, and so does any object of this shape. */
export interface ChatTokenizer {
  /**
   * The conversation as text, by the model's chat template, special tokens written out.
   * With `addGenerationPrompt` (default false) it ends where the model would begin its answer.
   */
  renderChat(messages: readonly ChatMessage[], options?: ChatRenderOptions): string;
  /** {@link renderChat} with the template's marks. Without it masks are found as for templates that mark nothing. */
  renderMarkedChat?(messages: readonly ChatMessage[], options?: ChatRenderOptions): MarkedChat;
  /** Names of variables in the template. Where they are known, arguments that it does not read are refused. */
  readonly templateVariables?: ReadonlySet<string> | undefined;
  /** Token ids of a text: adds no special tokens of its own; those written in the text become their ids. */
  encode(text: string): number[];
  /**
   * Token ids of a whole text that is no conversation, with what stands around one: the token at its beginning, if the model has
   * one, and the token that ends a text. Without it plain texts are refused.
   */
  encodeDocument?(text: string): number[];
  /**
   * Text of token ids, special tokens written out unless they are to be skipped. Where it is there, long conversations are
   * tokenized in time that grows with their length instead of its square, and messages show tokens as text.
   */
  decode?(tokenIds: readonly number[], options?: { readonly skipSpecialTokens?: boolean }): string;
  /** The tokens that end a turn; generation stops at any of them. */
  readonly endOfTurnTokenIds: readonly number[];
  readonly padTokenId: number;
  /** Digests, by name, of what decides how it works, such as its files: how a run that resumes knows that it has not changed. */
  readonly identity?: Readonly<Record<string, string>>;
}
