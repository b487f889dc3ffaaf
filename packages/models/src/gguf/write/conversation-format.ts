import type { ChatMessage, RenderChatOptions } from '../../chat-template/chat-template.ts';

/** What stands before and after a message. */
interface Frame {
  readonly before: string;
  readonly after: string;
}

/**
 * A way to write conversations in which each message stands in the frame of its role, whatever the others say: what most
 * chat templates come to, and what Ollama's can express.
 */
export interface ConversationFormat {
  /** Before the first message. */
  readonly start: string;
  readonly user: Frame;
  readonly assistant: Frame;
  /** Undefined where there is no way to write one. */
  readonly system?: SystemFormat;
  /** The system message of a conversation that has none of its own. */
  readonly defaultSystem?: string;
  /** What the model's answer follows. */
  readonly generation: string;
}

/** A system message has a turn of its own, or stands in the first user's, before what is said there. */
export type SystemFormat =
  | { readonly kind: 'turn'; readonly frame: Frame }
  | { readonly kind: 'in-user'; readonly after: string };

type Render = (messages: readonly ChatMessage[], options?: RenderChatOptions) => string;

/** Contents that occur in no template. */
const contents = {
  system: 'Sy5tem',
  user: 'U5er',
  user2: 'U5er2nd',
  assistant: 'An5wer',
  assistant2: 'An5wer2nd',
};
const system: ChatMessage = { role: 'system', content: contents.system };
const user: ChatMessage = { role: 'user', content: contents.user };
const user2: ChatMessage = { role: 'user', content: contents.user2 };
const assistant: ChatMessage = { role: 'assistant', content: contents.assistant };
const assistant2: ChatMessage = { role: 'assistant', content: contents.assistant2 };

/**
 * The format that a chat template comes to, found by what it renders and checked on further conversations.
 *
 * @returns undefined for a template that does more than to frame messages, or takes no such conversations.
 */
export function conversationFormat(render: Render): ConversationFormat | undefined {
  try {
    const format = readFormat(render);
    return format !== undefined && agrees(format, render) ? format : undefined;
  } catch {
    // It refuses these conversations.
    return undefined;
  }
}

function readFormat(render: Render): ConversationFormat | undefined {
  const alone = render([user]);
  const [head, afterUser] = around(alone, contents.user);
  const [, afterAssistant] = around(render([user, assistant]), contents.assistant);
  const turns = render([user, assistant, user2]);
  const beforeAssistant = between(turns, contents.user, contents.assistant, afterUser);
  const beforeUser = between(turns, contents.assistant, contents.user2, afterAssistant);
  if (beforeAssistant === undefined || beforeUser === undefined || !head.endsWith(beforeUser))
    return undefined;
  const prompt = render([user], { addGenerationPrompt: true });
  if (!prompt.startsWith(alone)) return undefined;
  const first = head.slice(0, head.length - beforeUser.length);
  return {
    ...readSystem(render, first, beforeUser),
    user: { before: beforeUser, after: afterUser },
    assistant: { before: beforeAssistant, after: afterAssistant },
    generation: prompt.slice(alone.length),
  };
}

/** How a system message is written, given what comes before the first user's turn without one. */
function readSystem(
  render: Render,
  first: string,
  beforeUser: string,
): Pick<ConversationFormat, 'start' | 'system' | 'defaultSystem'> {
  let text: string;
  try {
    text = render([system, user]);
  } catch {
    return { start: first };
  }
  const [before, rest] = around(text, contents.system);
  const [after] = around(rest, contents.user);
  if (before.endsWith(beforeUser) && !after.includes(beforeUser)) {
    return { start: before.slice(0, before.length - beforeUser.length), system: { kind: 'in-user', after } };
  }
  const frame = { before, after: after.slice(0, after.length - beforeUser.length) };
  if (!after.endsWith(beforeUser)) return { start: first };
  if (first === '' || !first.startsWith(before) || !first.endsWith(frame.after)) {
    // What both begin with is the start of every conversation.
    const start = commonStart(first, before);
    return { start, system: { kind: 'turn', frame: { ...frame, before: before.slice(start.length) } } };
  }
  const defaultSystem = first.slice(before.length, first.length - frame.after.length);
  return { start: '', system: { kind: 'turn', frame }, defaultSystem };
}

function commonStart(one: string, other: string): string {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return one.slice(0, length);
}

/** @throws RangeError when the content is not there exactly once: the template changes or repeats it. */
function around(text: string, content: string): [string, string] {
  const parts = text.split(new RegExp(`${content}(?!2nd)`));
  if (parts.length !== 2) throw new RangeError('the content is not rendered once');
  return [parts[0]!, parts[1]!];
}

/** What stands between two contents, without what stands after the first. */
function between(text: string, one: string, other: string, after: string): string | undefined {
  const middle = around(around(text, one)[1], other)[0];
  return middle.startsWith(after) ? middle.slice(after.length) : undefined;
}

/** A conversation as the format writes it. */
export function writeConversation(
  format: ConversationFormat,
  messages: readonly ChatMessage[],
  { addGenerationPrompt = false }: RenderChatOptions = {},
): string {
  const given = messages.find(({ role }) => role === 'system')?.content;
  const systemText = given ?? format.defaultSystem;
  let text = format.start;
  if (systemText !== undefined && format.system?.kind === 'turn') {
    text += `${format.system.frame.before}${systemText}${format.system.frame.after}`;
  }
  messages
    .filter(({ role }) => role !== 'system')
    .forEach(({ role, content }, index) => {
      const frame = role === 'user' ? format.user : format.assistant;
      const inside =
        index === 0 && systemText !== undefined && format.system?.kind === 'in-user'
          ? `${systemText}${format.system.after}`
          : '';
      text += `${frame.before}${inside}${content}${frame.after}`;
    });
  return addGenerationPrompt ? text + format.generation : text;
}

function agrees(format: ConversationFormat, render: Render): boolean {
  const conversations = [
    [user],
    [user, assistant],
    [user, assistant, user2],
    [user, assistant, user2, assistant2],
  ];
  const withSystem = conversations.map((messages) => [system, ...messages]);
  const checked = format.system === undefined ? conversations : [...conversations, ...withSystem];
  return checked.every((messages) =>
    [false, true]
      // After an answer no other is asked for.
      .filter((ask) => !ask || messages.at(-1)!.role === 'user')
      .every(
        (addGenerationPrompt) =>
          writeConversation(format, messages, { addGenerationPrompt }) ===
          render(messages, { addGenerationPrompt }),
      ),
  );
}
