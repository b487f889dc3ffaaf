import { ChatExampleError, DatasetFormatError } from './errors.ts';
import { refusedMessageKey, refusedRowKey } from './example-keys.ts';
import type { ExampleOrigin } from './origin.ts';
import { describeValue, quoted } from './printable.ts';

/** The roles a message may have. */
export const chatRoles = ['system', 'user', 'assistant', 'tool'] as const;

/** One message of a conversation. */
export interface ChatMessage {
  /** `system`, `user`, `assistant` or `tool`. */
  readonly role: string;
  readonly content: string;
}

/** A conversation to learn from; its assistant messages are the responses. */
export interface ChatExample {
  readonly messages: readonly ChatMessage[];
  /** Free labels that travel with the example into the batch, such as `interleaved`. */
  readonly tags?: readonly string[];
  readonly origin?: ExampleOrigin;
}

const advice =
  'Write one JSON object per line: {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}, ' +
  `roles being ${chatRoles.join(', ')}`;

/** What other formats call the roles. */
const otherRoles = new Map([
  ['human', 'user'],
  ['prompter', 'user'],
  ['gpt', 'assistant'],
  ['model', 'assistant'],
  ['bot', 'assistant'],
  ['ai', 'assistant'],
  ['chatgpt', 'assistant'],
  ['developer', 'system'],
  ['function', 'tool'],
  ['ipython', 'tool'],
]);

/**
 * Checks a parsed JSON value at the boundary and takes from it what a chat example has. Keys that only describe the row
 * are dropped; those whose loss would change what is trained are refused.
 *
 * @throws {@link DatasetFormatError} when there are no messages, a role is unknown, a content is not a text, there is no
 * assistant message, or a key asks for what is not supported (tools, reasoning, weights, masks, ...).
 */
export function parseChatExample(value: unknown, origin: ExampleOrigin): ChatExample {
  const problem = formatProblem(value);
  if (problem !== undefined) throw new DatasetFormatError(origin, `not a chat example: ${problem}`, advice);
  const refused = keyProblem(value as ChatExample);
  if (refused !== undefined) throw new DatasetFormatError(origin, refused);
  const { messages, tags } = value as ChatExample;
  return {
    messages: messages.map(({ role, content }) => ({ role, content })),
    ...(tags && { tags }),
    origin,
  };
}

/**
 * Refuses an example made in code whose keys ask for what is not supported, as {@link parseChatExample} does for files.
 *
 * @throws {@link ChatExampleError}
 */
export function requireSupportedKeys(example: ChatExample): void {
  const problem = keyProblem(example);
  if (problem !== undefined) {
    throw new ChatExampleError(describeExample(example), example.origin, `${problem}.`);
  }
}

function formatProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return `an object is needed, this is ${describeValue(value)}`;
  }
  const { messages, tags } = value as { messages?: unknown; tags?: unknown };
  if (!Array.isArray(messages))
    return `messages: must be a list, but is ${describeValue(messages)}${otherFormat(value)}`;
  if (messages.length === 0) return 'messages: the list of messages is empty';
  for (const [index, message] of messages.entries()) {
    const problem = messageProblem(message);
    if (problem !== undefined) return `messages[${index}]${problem}`;
  }
  if (!messages.some((message) => message.role === 'assistant')) {
    return 'messages: there is no assistant message, so there is nothing to learn';
  }
  const areTexts = Array.isArray(tags) && tags.every((tag) => typeof tag === 'string');
  return tags == null || areTexts
    ? undefined
    : `tags: must be a list of texts, but is ${describeValue(tags)}`;
}

function messageProblem(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    return `: must be an object with a role and a content, but is ${describeValue(message)}`;
  }
  const { role, content } = message as { role?: unknown; content?: unknown };
  if (!chatRoles.some((known) => known === role)) {
    const meant = typeof role === 'string' ? otherRoles.get(role.toLowerCase()) : undefined;
    const isShareGpt = role === undefined && 'from' in message && 'value' in message;
    const hint = meant
      ? `; write "${meant}"`
      : isShareGpt
        ? '; rename "from" to "role" and "value" to "content"'
        : '';
    return `.role: must be one of ${chatRoles.join(', ')}, but is ${describeValue(role)}${hint}`;
  }
  if (typeof content === 'string') return undefined;
  // What stands in for the content says more than its absence.
  const refused = refusedMessageKey(message);
  if (content == null && refused !== undefined) return `: ${refused}`;
  const hint = Array.isArray(content)
    ? ' of parts, which is not supported; join the texts of its parts into one, images and sound cannot be trained'
    : '; an empty answer is ""';
  return `.content: must be a string, but is ${describeValue(content)}${hint}`;
}

function keyProblem(example: ChatExample): string | undefined {
  for (const [index, message] of example.messages.entries()) {
    const refused = refusedMessageKey(message);
    if (refused !== undefined) return `messages[${index}]: ${refused}`;
  }
  const { messages, tags: _tags, origin: _origin, ...others } = example;
  return refusedRowKey(
    others,
    messages.map(({ content }) => content).filter((content) => typeof content === 'string'),
  );
}

/** What else a row without messages may be, and how it becomes a chat. */
function otherFormat(row: object): string {
  const has = (...keys: readonly string[]) => keys.every((key) => key in row);
  if (has('conversations')) {
    return '; this looks like ShareGPT: rename "conversations" to "messages", "from" to "role", "value" to "content"';
  }
  for (const [question, answer] of [
    ['prompt', 'completion'],
    ['prompt', 'response'],
    ['instruction', 'output'],
    ['question', 'answer'],
    ['prompt', 'chosen'],
  ] as const) {
    if (has(question, answer))
      return `; make "${question}" the user's message and "${answer}" the assistant's`;
  }
  return has('text') ? '; a text without roles cannot be trained as a chat' : '';
}

/** The example with one more tag; the example itself is not changed. */
export function withTag(example: ChatExample, tag: string): ChatExample {
  const tags = example.tags ?? [];
  return tags.includes(tag) ? example : { ...example, tags: [...tags, tag] };
}

/** Names an example in a message: its file and line, or else how its first message begins. */
export function describeExample(example: ChatExample): string {
  if (example.origin) return `${example.origin.file}:${example.origin.line}`;
  return `example beginning with ${quoted(example.messages[0]?.content ?? '', 40)}`;
}
