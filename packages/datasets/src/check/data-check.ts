import { isDeepStrictEqual } from 'node:util';
import type { ChatExample } from '../example/example.ts';
import { type ChatMessage, callsTools, messageReasoning, messageText } from '../example/message.ts';

/** A text of a message: what it says, what was thought, or a tool call as JSON. */
export interface SpokenText {
  /** Its place among the messages; 0 for a text without any, whose role is `text`. */
  readonly message: number;
  readonly role: string;
  readonly text: string;
  /** There where the message is of the worse answer of a pair. */
  readonly rejected?: true;
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
  /** There where that is a message of the worse answer of a pair. */
  readonly rejected?: true;
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

/** A message of an example and its place; of the worse answer of a pair only what differs from the better one. */
export interface PlacedMessage extends Pick<Finding, 'rejected'> {
  readonly message: ChatMessage;
  readonly index: number;
}

/** All messages of an example. */
export function allMessages({ messages, rejected = [] }: ChatExample): PlacedMessage[] {
  const differs = rejected.findIndex((message, index) => !isDeepStrictEqual(message, messages[index]));
  return [
    ...messages.map((message, index) => ({ message, index })),
    ...rejected
      .map((message, index) => ({ message, index, rejected: true as const }))
      .slice(differs === -1 ? rejected.length : differs),
  ];
}

/** Where a message or text is, as findings say it. */
export function placeOf({
  index,
  rejected,
}: Pick<PlacedMessage, 'index' | 'rejected'>): Pick<Finding, 'message' | 'rejected'> {
  return { message: index, ...(rejected && { rejected }) };
}

/** The texts of an example. */
export function spokenTexts(example: ChatExample): SpokenText[] {
  if (example.text !== undefined) return [{ message: 0, role: 'text', text: example.text }];
  return allMessages(example).flatMap(({ message, index, rejected }) =>
    textsOf(message).flatMap((text) =>
      text === '' ? [] : [{ message: index, role: message.role, text, ...(rejected && { rejected }) }],
    ),
  );
}

/** An example as checks see it, for whoever runs single checks. */
export function checkedExample(example: ChatExample, index: number): CheckedExample {
  return { example, index, texts: spokenTexts(example) };
}

function textsOf(message: ChatMessage): string[] {
  return [
    messageText(message),
    messageReasoning(message) ?? '',
    callsTools(message) ? JSON.stringify(message.tool_calls) : '',
  ];
}
