import { ChatTemplateError } from './errors.ts';
import { type ChatExample, type ChatMessage, describeExample } from './example.ts';
import { printable } from './printable.ts';
import type { ChatTokenizer } from './tokenizer.ts';

/** A whole rendered conversation: its text and the tokens of that text, encoded once. */
export interface RenderedChat {
  readonly text: string;
  readonly tokenIds: readonly number[];
}

/** Renders the conversation and encodes the text. @throws {@link ChatTemplateError} when the template refuses it. */
export function renderWhole(example: ChatExample, tokenizer: ChatTokenizer): RenderedChat {
  const text = render(example, tokenizer, example.messages, false);
  return { text, tokenIds: tokenizer.encode(text) };
}

/** The text of some messages of an example. @throws {@link ChatTemplateError} when the template refuses them. */
export function render(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  messages: readonly ChatMessage[],
  addGenerationPrompt: boolean,
): string {
  try {
    return tokenizer.renderChat(messages, { addGenerationPrompt });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const roles = messages.map((message) => message.role).join(', ') || 'no message';
    throw new ChatTemplateError(
      describeExample(example),
      example.origin,
      `the chat template cannot render ${printable(roles, 80)}: ${printable(reason, 500)}`,
      { cause },
    );
  }
}
