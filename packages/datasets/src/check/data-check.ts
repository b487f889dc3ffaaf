import type { ChatExample } from '../example/example.ts';
import { type ChatMessage, callsTools, messageReasoning, messageText } from '../example/message.ts';

/** A text of a message: what it says, what was thought, or a tool call as JSON. */
export interface SpokenText {
  /** Its place among the messages; 0 for a text without any, whose role is `text`. */
  readonly message: number;
  readonly role: string;
  readonly text: string;
}

/** An example as checks see it. */
export interface CheckedExample {
  readonly example: ChatExample;
  /** Its place in the stream, counted from 0. */
  readonly index: number;
  readonly texts: readonly SpokenText[];
}

/** What a check found in an example. It never repeats a secret. */
export interface Finding {
  /** One of the kinds of the check. */
  readonly kind: string;
  /** The message it is in, where it is in one. */
  readonly message?: number;
  /** A word or two more, such as the example that this one repeats. */
  readonly detail?: string;
}

/**
 * Looks at every example of a stream once, in order, and tells what it finds. What it remembers is bounded, or a few bytes an
 * example; what it finds depends on the examples alone.
 */
export interface DataCheck {
  /** A word, by which thresholds and reports name it. */
  readonly name: string;
  /** What it looks for, in a sentence. */
  readonly about: string;
  find(checked: CheckedExample): readonly Finding[];
  /** What else is to be said when the stream has ended, such as how many examples were compared. */
  note?(): string | undefined;
}

/** The texts of an example. */
export function spokenTexts({ messages, text: plain }: ChatExample): SpokenText[] {
  if (plain !== undefined) return [{ message: 0, role: 'text', text: plain }];
  return messages.flatMap((message, index) =>
    textsOf(message).flatMap((text) => (text === '' ? [] : [{ message: index, role: message.role, text }])),
  );
}

function textsOf(message: ChatMessage): string[] {
  return [
    messageText(message),
    messageReasoning(message) ?? '',
    callsTools(message) ? JSON.stringify(message.tool_calls) : '',
  ];
}
