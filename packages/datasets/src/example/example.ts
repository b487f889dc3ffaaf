import { ChatExampleError, DatasetFormatError } from '../errors.ts';
import { isObject, type JsonObject, parsedText } from '../json.ts';
import { describeOrigin, type ExampleOrigin } from '../origin.ts';
import { describeValue, quoted } from '../printable.ts';
import { refusedRowKey } from './example-keys.ts';
import { type ChatMessage, chatRoles, messageText } from './message.ts';
import { messageKeyProblem, messageProblem } from './message-shape.ts';

/** A conversation to learn from; its assistant messages are the responses. */
export interface ChatExample {
  readonly messages: readonly ChatMessage[];
  /** The conversation with the worse answer in the place of the last one, of a pair to be preferred from; `messages` has the better. */
  readonly rejected?: readonly ChatMessage[];
  /** A text that is learned as it is, without a chat template, in the place of messages: there are none then. */
  readonly text?: string;
  /** What the assistant may call, each as a JSON schema. */
  readonly tools?: readonly JsonObject[];
  /** What the assistant may read. */
  readonly documents?: readonly JsonObject[];
  /** Variables of the chat template for this example, such as `{ enable_thinking: false }`; `chat_template_kwargs` in files. */
  readonly templateArguments?: JsonObject;
  /** Free labels that travel with the example into the batch, such as `interleaved`. */
  readonly tags?: readonly string[];
  readonly origin?: ExampleOrigin;
}

const advice =
  'Write one JSON object per line: {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}, ' +
  `roles being ${chatRoles.join(', ')}`;

/**
 * Checks a parsed JSON value at the boundary and takes from it what a chat example has: its messages with all of their keys,
 * `tools`, `documents`, `chat_template_kwargs` and `tags`. Keys that only describe the row are dropped, keys of messages that
 * are null too (tables write them where there is nothing); those whose loss would change what is trained are refused.
 *
 * @throws {@link DatasetFormatError} when there are no messages, a role is unknown, a content is no text, there is no
 * assistant message, or a key asks for what is not supported (weights of tokens, images, a second conversation, ...).
 *
 * @param columns - from which the messages were made, for errors. Default `messages`.
 */
export function parseChatExample(value: unknown, origin: ExampleOrigin, columns = 'messages'): ChatExample {
  const problem = formatProblem(value);
  if (problem !== undefined) {
    const remedy = columns === 'messages' ? advice : `Its messages were made from ${columns}`;
    throw new DatasetFormatError(origin, `not a chat example: ${problem}`, remedy);
  }
  const { messages, chat_template_kwargs: kwargs, ...row } = value as ChatRow;
  const { tools: _tools, documents: _documents, tags: _tags, origin: _origin, ...others } = row;
  const refused = keyProblem(messages, others, columns);
  if (refused !== undefined) throw new DatasetFormatError(origin, refused);
  const tools = parsedText(row.tools) as ChatExample['tools'] | null;
  const documents = parsedText(row.documents) as ChatExample['documents'] | null;
  const templateArguments = parsedText(kwargs) as JsonObject | null | undefined;
  const tags = parsedText(row.tags) as ChatExample['tags'] | null;
  return {
    messages: messages.map(withoutNulls),
    ...(tools?.length && { tools }),
    ...(documents?.length && { documents }),
    ...(templateArguments && Object.keys(templateArguments).length > 0 && { templateArguments }),
    ...(tags && { tags }),
    origin,
  };
}

/**
 * A text that is learned as it is, with `tags`. Keys that only describe the row are dropped.
 *
 * @throws {@link DatasetFormatError} when it is no text, or a key asks for what is not supported.
 */
export function parseTextExample(row: JsonObject, origin: ExampleOrigin): ChatExample {
  const { text, tags: given, ...others } = row;
  const tags = parsedText(given);
  const problem =
    typeof text !== 'string' || text.trim() === ''
      ? `text: must be a text that is not empty, but is ${describeValue(text)}`
      : (tagsProblem(tags) ?? refusedRowKey(others, [text], 'text'));
  if (problem !== undefined) throw new DatasetFormatError(origin, problem);
  return { messages: [], text: text as string, ...(tags != null && { tags: tags as string[] }), origin };
}

/** A row of a file. */
interface ChatRow extends Omit<ChatExample, 'templateArguments'> {
  readonly chat_template_kwargs?: unknown;
}

/** The message without keys that are null, but for the content: some templates ask whether that is null. */
function withoutNulls(message: ChatMessage): ChatMessage {
  const entries = Object.entries(message).filter(([key, value]) => value !== null || key === 'content');
  return Object.fromEntries(entries) as unknown as ChatMessage;
}

/**
 * Refuses an example made in code whose keys ask for what is not supported, as {@link parseChatExample} does for files.
 *
 * @throws {@link ChatExampleError}
 */
export function requireSupportedKeys(example: ChatExample): void {
  const { messages, text, tools, documents, templateArguments, tags, origin, ...others } = example;
  const isBoth = text !== undefined && messages.length > 0;
  const problem = isBoth
    ? 'the example has messages and a text, of which only one can be learned'
    : (shapeProblem(example) ?? keyProblem(messages, others));
  if (problem !== undefined) {
    throw new ChatExampleError(describeExample(example), example.origin, `${problem}.`);
  }
}

function formatProblem(value: unknown): string | undefined {
  if (!isObject(value)) return `an object is needed, this is ${describeValue(value)}`;
  const { messages } = value;
  if (!Array.isArray(messages)) return `messages: must be a list, but is ${describeValue(messages)}`;
  if (messages.length === 0) return 'messages: the list of messages is empty';
  const { chat_template_kwargs: templateArguments, ...row } = value;
  const problem = shapeProblem(
    { ...row, templateArguments } as unknown as ChatExample,
    'chat_template_kwargs',
  );
  if (problem !== undefined) return problem;
  if (!messages.some((message) => message.role === 'assistant')) {
    return 'messages: there is no assistant message, so there is nothing to learn';
  }
  return tagsProblem(parsedText(value.tags));
}

function tagsProblem(tags: unknown): string | undefined {
  const areTexts = Array.isArray(tags) && tags.every((tag) => typeof tag === 'string');
  return tags == null || areTexts
    ? undefined
    : `tags: must be a list of texts, but is ${describeValue(tags)}`;
}

/** What has not the shape that its type says. */
function shapeProblem(example: ChatExample, argumentsName = 'templateArguments'): string | undefined {
  for (const [index, message] of example.messages.entries()) {
    const problem = messageProblem(message);
    if (problem !== undefined) return `messages[${index}]${problem}`;
  }
  for (const key of ['tools', 'documents'] as const) {
    const value = parsedText(example[key]);
    if (value != null && !(Array.isArray(value) && value.every(isObject)))
      return `${key}: must be a list of objects, but is ${describeValue(value)}`;
  }
  const templateArguments = parsedText(example.templateArguments);
  return templateArguments == null || isObject(templateArguments)
    ? undefined
    : `${argumentsName}: must be an object, but is ${describeValue(templateArguments)}`;
}

/**
 * @param others - what the row holds besides its messages and what is read of it.
 * @param columns - from which the messages were made.
 */
function keyProblem(
  messages: readonly ChatMessage[],
  others: object,
  columns = 'messages',
): string | undefined {
  for (const [index, message] of messages.entries()) {
    const refused = messageKeyProblem(message);
    if (refused !== undefined) return `messages[${index}]: ${refused}`;
  }
  return refusedRowKey(others, messages.map(messageText), columns);
}

/** The example as a row of a file, from which it is read again; its origin is not in it. */
export function rowOfExample({
  messages,
  text,
  tools,
  documents,
  templateArguments,
  tags,
}: ChatExample): JsonObject {
  return {
    ...(text === undefined ? { messages } : { text }),
    ...(tools?.length && { tools }),
    ...(documents?.length && { documents }),
    ...(templateArguments && { chat_template_kwargs: templateArguments }),
    ...(tags?.length && { tags }),
  };
}

/** The example with one more tag; the example itself is not changed. */
export function withTag(example: ChatExample, tag: string): ChatExample {
  const tags = example.tags ?? [];
  return tags.includes(tag) ? example : { ...example, tags: [...tags, tag] };
}

/** Names an example in a message: its file and line, or else how its first message begins. */
export function describeExample(example: ChatExample): string {
  if (example.origin) return describeOrigin(example.origin);
  const [first] = example.messages;
  const begins = example.text ?? (first === undefined ? '' : messageText(first));
  return `example beginning with ${quoted(begins, 40)}`;
}
