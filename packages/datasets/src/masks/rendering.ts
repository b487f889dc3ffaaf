import { ChatTemplateError } from '../errors.ts';
import { type ChatExample, describeExample } from '../example/example.ts';
import { type ChatMessage, mapCalled } from '../example/message.ts';
import { isWeightKey } from '../example/training-weight.ts';
import { isObject, parsedText } from '../json.ts';
import { printable } from '../printable.ts';
import type { ChatRenderOptions, ChatTokenizer, MarkedChat } from '../tokenizer.ts';

/** A whole rendered conversation: its text and the tokens of that text, encoded once. */
export interface RenderedChat extends MarkedChat {
  readonly tokenIds: readonly number[];
  /** What of the text's end the template did not write: the token that ends the last turn. */
  readonly appended?: string;
}

/** The text as the template wrote it. */
export function templateText({ text, appended = '' }: RenderedChat): string {
  return text.slice(0, text.length - appended.length);
}

/** Renders the conversation and encodes the text. @throws {@link ChatTemplateError} when the template refuses it. */
export function renderWhole(example: ChatExample, tokenizer: ChatTokenizer): RenderedChat {
  try {
    const marked = renderMarked(example, tokenizer, example.messages);
    return { ...marked, tokenIds: tokenizer.encode(marked.text) };
  } catch (error) {
    const remedy = ChatTemplateError.isInstance(error) ? remedyOf(example, tokenizer) : undefined;
    if (remedy === undefined) throw error;
    const reason = (error as ChatTemplateError).message.slice(describeExample(example).length + 2);
    throw new ChatTemplateError(describeExample(example), example.origin, `${reason}. ${remedy}`, {
      cause: error,
    });
  }
}

/** Other ways to write the same, with which a template may render what it refuses. */
const remedies: readonly (readonly [string, (message: ChatMessage) => ChatMessage])[] = [
  [
    'Write "content": "" where it is null beside tool calls',
    (message) => (message.content === null ? { ...message, content: '' } : message),
  ],
  [
    'Leave "content" away where it is null beside tool calls',
    ({ content, ...message }) =>
      content === null ? message : { ...message, ...(content !== undefined && { content }) },
  ],
  ['Write the arguments of tool calls as an object, not as its text', withParsedArguments],
];

function remedyOf(example: ChatExample, tokenizer: ChatTokenizer): string | undefined {
  const found = remedies.find(([, change]) => {
    const messages = example.messages.map(change);
    const isOther = JSON.stringify(messages) !== JSON.stringify(example.messages);
    return isOther && tryRender(example, tokenizer, messages, false) !== undefined;
  });
  return found && `${found[0]}: so the template takes it.`;
}

/** The message with arguments of tool calls as objects where they are the text of one. */
function withParsedArguments(message: ChatMessage): ChatMessage {
  const { tool_calls: calls } = message;
  if (calls == null) return message;
  const parsed = calls.map((call) =>
    mapCalled(call, (called) => {
      const given = parsedText(called.arguments);
      return isObject(given) ? { ...called, arguments: given } : called;
    }),
  );
  return { ...message, tool_calls: parsed };
}

/** Some messages of an example with the template's marks. @throws {@link ChatTemplateError} when the template refuses them. */
export function renderMarked(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  messages: readonly ChatMessage[],
): MarkedChat {
  return attempt(example, messages, () => {
    const [shown, options] = [messages.map(shownMessage), renderOptions(example, false)];
    return (
      tokenizer.renderMarkedChat?.(shown, options) ?? {
        text: tokenizer.renderChat(shown, options),
        generated: undefined,
      }
    );
  });
}

/** The text of some messages of an example. @throws {@link ChatTemplateError} when the template refuses them. */
export function render(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  messages: readonly ChatMessage[],
  addGenerationPrompt: boolean,
): string {
  return attempt(example, messages, () =>
    tokenizer.renderChat(messages.map(shownMessage), renderOptions(example, addGenerationPrompt)),
  );
}

/** {@link render}; undefined when the template refuses the messages. */
export function tryRender(...given: Parameters<typeof render>): string | undefined {
  try {
    return render(...given);
  } catch (error) {
    if (ChatTemplateError.isInstance(error)) return undefined;
    throw error;
  }
}

function renderOptions(
  { tools, documents, templateArguments }: ChatExample,
  addGenerationPrompt: boolean,
): ChatRenderOptions {
  return {
    addGenerationPrompt,
    ...(tools?.length && { tools }),
    ...(documents?.length && { documents }),
    ...(templateArguments && { templateArguments }),
  };
}

/** The message as a template sees it: without what says how much of it is learned. */
function shownMessage(message: ChatMessage): ChatMessage {
  const entries = Object.entries(message);
  const shown = entries.filter(([key]) => !isWeightKey(key));
  return shown.length === entries.length ? message : (Object.fromEntries(shown) as unknown as ChatMessage);
}

function attempt<T>(example: ChatExample, messages: readonly ChatMessage[], action: () => T): T {
  try {
    return action();
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
