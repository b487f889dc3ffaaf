import { z } from 'zod';
import { DatasetFormatError } from './errors.ts';
import type { ExampleOrigin } from './origin.ts';

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

// Other keys are tolerated, except those whose loss would change what is trained.
const messageSchema = z
  .object({
    role: z.enum(chatRoles),
    content: z.string(),
    tool_calls: z.array(z.unknown()).nullish(),
    weight: z.number().optional(),
  })
  .refine((message) => (message.tool_calls?.length ?? 0) === 0, {
    path: ['tool_calls'],
    message: 'tool calls are not supported; write the call into "content" as the model should emit it',
  })
  .refine((message) => (message.weight ?? 1) === 1, {
    path: ['weight'],
    message: 'weights of single messages are not supported; leave the key out',
  });

const exampleSchema = z.object({
  messages: z
    .array(messageSchema)
    .min(1, 'the list of messages is empty')
    .refine((messages) => messages.some((message) => message.role === 'assistant'), {
      message: 'no assistant message, so there is nothing to learn',
    }),
  tags: z.array(z.string()).optional(),
});

function issuePath(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index ? '.' : ''}${String(key)}`))
    .join('');
}

/**
 * Checks a parsed JSON value at the boundary and takes from it what a chat example has; other keys are dropped.
 *
 * @throws {@link DatasetFormatError} when there are no messages, a role is unknown, a content is not a string, there is no
 * assistant message, or a message has tool calls or a weight, which cannot be honoured.
 */
export function parseChatExample(value: unknown, origin: ExampleOrigin): ChatExample {
  const parsed = exampleSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = issuePath(issue?.path ?? []);
    const problem = issue?.message ?? 'unknown problem';
    throw new DatasetFormatError(
      origin,
      `not a chat example: ${path === '' ? '' : `${path}: `}${problem}`,
      advice,
      {
        cause: parsed.error,
      },
    );
  }
  return {
    messages: parsed.data.messages.map(({ role, content }) => ({ role, content })),
    ...(parsed.data.tags && { tags: parsed.data.tags }),
    origin,
  };
}

/** The example with one more tag; the example itself is not changed. */
export function withTag(example: ChatExample, tag: string): ChatExample {
  const tags = example.tags ?? [];
  return tags.includes(tag) ? example : { ...example, tags: [...tags, tag] };
}

/** Names an example in a message: its file and line, or else how its first message begins. */
export function describeExample(example: ChatExample): string {
  if (example.origin) return `${example.origin.file}:${example.origin.line}`;
  const beginning = JSON.stringify((example.messages[0]?.content ?? '').slice(0, 40));
  return `example beginning with ${beginning}`;
}
