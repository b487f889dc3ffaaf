import { type ChatMessage, messageText } from '@safetune/datasets';

/** How a prompt meets the system message of a conversation; see {@link withSystemPrompt}. */
export interface SystemPromptOptions {
  /** What becomes of a system message that is there: the prompt stands before its text (default), or replaces it. */
  readonly existing?: 'precede' | 'replace';
  /** Between the prompt and the text it stands before. Default an empty line. */
  readonly separator?: string;
}

/** A message of a conversation, of whichever package. */
export interface PromptedMessage {
  readonly role: string;
  readonly content?: string | readonly object[] | null;
}

export interface SystemMessage {
  readonly role: 'system';
  readonly content: string;
}

/**
 * A conversation under a system prompt, in training or at inference: the prompt stands before the text of the system message at its beginning, or is
 * one where there is none. The messages given are not changed.
 *
 * @example
 * withSystemPrompt([{ role: 'user', content: 'Hi' }], ptstSafetyPrompt); // what a model trained under ptst is asked
 */
export function withSystemPrompt<Message extends PromptedMessage>(
  messages: readonly Message[],
  prompt: string,
  { existing = 'precede', separator = '\n\n' }: SystemPromptOptions = {},
): (Message | SystemMessage)[] {
  const [first, ...rest] = messages;
  if (first?.role !== 'system') return [{ role: 'system', content: prompt }, ...messages];
  const content =
    existing === 'precede' ? `${prompt}${separator}${messageText(first as ChatMessage)}` : prompt;
  return [{ role: 'system', content }, ...rest];
}
