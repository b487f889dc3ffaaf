import { ChatTemplateError } from '../errors.ts';
import { type ChatExample, describeExample } from '../example/example.ts';
import {
  type ChatMessage,
  callsTools,
  messageReasoning,
  messageText,
  type ToolCall,
} from '../example/message.ts';
import { isObject, parsedText } from '../json.ts';
import { nearestName } from '../nearest-name.ts';
import { quoted } from '../printable.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { markTexts } from './marked-texts.ts';
import { type RenderedChat, templateText, tryRender } from './rendering.ts';
import { SubstitutedTexts } from './substituted-texts.ts';

/** What of an example a chat template may not show. */
export const hiddenParts = [
  'tools',
  'documents',
  'chat_template_kwargs',
  'messages',
  'name',
  'tool_calls',
  'arguments',
  'reasoning_content',
] as const;

export type HiddenPart = (typeof hiddenParts)[number];

/**
 * Refuses an example of which the template shows less than is there, as a model would be trained on another prompt or answer than
 * the data says: Python's transformers leaves it out in silence. Whether something is shown is found by rendering without it, or
 * with something else in its place.
 *
 * Thoughts of earlier turns may be left out by a template that shows those of the last, as is the way of models that think; ids
 * of tool calls, and names of tools beside their results, only say what belongs together. Thoughts written into a content are
 * the template's to take out. Arguments of tool calls that are shown as a text in quotes count as hidden.
 *
 * @param allowed - what may be hidden all the same.
 * @throws {@link ChatTemplateError} that names what is hidden.
 */
export function requireShown(
  example: ChatExample,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
  allowed: readonly HiddenPart[],
): void {
  const text = templateText(whole);
  const looked: Readonly<Record<HiddenPart, () => string | undefined>> = {
    tools: () => hiddenList(example, text, tokenizer, 'tools'),
    documents: () => hiddenList(example, text, tokenizer, 'documents'),
    chat_template_kwargs: () => hiddenArgument(example, tokenizer),
    messages: () => hiddenMessage(example, text, tokenizer),
    name: () => hiddenName(example, text, tokenizer),
    tool_calls: () => hiddenCall(example, text, tokenizer),
    arguments: () => quotedArguments(example, text),
    reasoning_content: () => hiddenReasoning(example, whole, tokenizer),
  };
  for (const part of hiddenParts) {
    const what = allowed.includes(part) ? undefined : looked[part]();
    if (what === undefined) continue;
    throw new ChatTemplateError(
      describeExample(example),
      example.origin,
      `${what}. Use a model or template that knows it, remove it from the data, or train without it by allowHidden: ['${part}'] (--allow-hidden ${part}).`,
    );
  }
}

function hiddenList(
  example: ChatExample,
  text: string,
  tokenizer: ChatTokenizer,
  key: 'tools' | 'documents',
): string | undefined {
  if (!example[key]?.length) return undefined;
  const { [key]: _left, ...without } = example;
  return tryRender(without, tokenizer, example.messages, false) === text
    ? `the chat template does not show the ${key}, so the model would be trained on a prompt without them`
    : undefined;
}

function hiddenArgument(
  { templateArguments = {} }: ChatExample,
  tokenizer: ChatTokenizer,
): string | undefined {
  const known = tokenizer.templateVariables;
  const unknown = known && Object.keys(templateArguments).find((name) => !known.has(name));
  if (known === undefined || unknown === undefined) return undefined;
  const nearest = nearestName(unknown, [...known]);
  return (
    `chat_template_kwargs: the chat template has no variable ${quoted(unknown)}` +
    (nearest === undefined ? '' : `. Did you mean ${quoted(nearest)}?`)
  );
}

/** Questions, system prompts, results of tools, and answers; texts beside tool calls are the template's to leave out. */
function hiddenMessage(example: ChatExample, text: string, tokenizer: ChatTokenizer): string | undefined {
  let from = 0;
  const unfound: number[] = [];
  const hidden = (index: number) =>
    `messages[${index}]: the chat template does not show this message of role ${quoted(example.messages[index]!.role)}`;
  for (const [index, message] of example.messages.entries()) {
    const said = answerOf(message);
    if (said === '' || (message.role === 'assistant' && callsTools(message))) continue;
    const at = text.indexOf(said, from);
    if (at !== -1) from = at;
    else if (text.includes(said)) continue;
    else if (message.role === 'assistant') unfound.push(index);
    else if (isUnseen(example, index, text, tokenizer)) return hidden(index);
  }
  // Templates may rewrite answers: of those that do not stand there to the letter, the first and the last stand for the others.
  const ends = new Set([unfound[0], unfound.at(-1)].filter((index) => index !== undefined));
  const unseen = [...ends].find((index) => isUnseen(example, index, text, tokenizer));
  return unseen === undefined ? undefined : hidden(unseen);
}

/** What a message says; of the assistant, behind its thoughts. */
function answerOf(message: ChatMessage): string {
  const text = messageText(message);
  return (message.role === 'assistant' ? text.split('</think>').at(-1)! : text).trim();
}

/** Whether the conversation reads the same with other texts in a message. */
function isUnseen(example: ChatExample, index: number, text: string, tokenizer: ChatTokenizer): boolean {
  const { messages } = markTexts(example.messages, (_, at) => at === index, text);
  return tryRender(example, tokenizer, messages, false) === text;
}

function hiddenName(example: ChatExample, text: string, tokenizer: ChatTokenizer): string | undefined {
  const isNamed = ({ name, role }: ChatMessage) => role !== 'tool' && name !== undefined && name !== '';
  const index = example.messages.findIndex(isNamed);
  if (index === -1) return undefined;
  const renamed = example.messages.map((message) =>
    isNamed(message) ? { ...message, name: 'Qz' } : message,
  );
  return tryRender(example, tokenizer, renamed, false) === text
    ? `messages[${index}]: the chat template does not show the key "name"`
    : undefined;
}

function hiddenCall(example: ChatExample, text: string, tokenizer: ChatTokenizer): string | undefined {
  for (const [index, message] of example.messages.entries()) {
    if (!callsTools(message)) continue;
    const called = (message.tool_calls ?? []).map((call) => ('function' in call ? call.function : call));
    const isShown = called.every((one) => text.includes(String((one as { name?: unknown }).name)));
    const { tool_calls: _calls, ...without } = message;
    const messages = example.messages.with(index, { ...without, content: message.content ?? '' });
    if (!isShown || tryRender(example, tokenizer, messages, false) === text)
      return `messages[${index}]: the chat template does not show the tool calls`;
  }
  return undefined;
}

/** Arguments that are the text of an object, as OpenAI's API gives them, and that the template writes as a text: JSON in JSON. */
function quotedArguments({ messages }: ChatExample, text: string): string | undefined {
  const isQuoted = (call: ToolCall) => {
    const { arguments: given } = isObject(call.function) ? call.function : call;
    return typeof given === 'string' && isObject(parsedText(given)) && text.includes(JSON.stringify(given));
  };
  const index = messages.findIndex(({ tool_calls: calls }) => calls?.some(isQuoted));
  if (index === -1) return undefined;
  return (
    `messages[${index}]: the chat template writes the arguments of the tool calls as a text in quotes, so the model would learn ` +
    'JSON in JSON. Write them as an object'
  );
}

function hiddenReasoning(
  example: ChatExample,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
): string | undefined {
  const { messages } = example;
  if (!messages.some((message) => messageReasoning(message)?.trim())) return undefined;
  const hidden = new SubstitutedTexts(example, whole, tokenizer)
    .hidden()
    .filter(
      ({ part, message }) =>
        part === 'reasoning' && messageReasoning(messages[message] as ChatMessage)?.trim(),
    );
  // Thoughts of different kinds of turns may fare differently; the first and the last stand for the others.
  for (const index of new Set([hidden[0], hidden.at(-1)].flatMap((one) => one?.message ?? []))) {
    const through = { ...example, messages: messages.slice(0, index + 1) };
    const text = tryRender(through, tokenizer, through.messages, false);
    const isShown = text === undefined || !isUnseenReasoning(through, index, text, tokenizer);
    if (!isShown) return `messages[${index}]: the chat template does not show the reasoning`;
  }
  return undefined;
}

function isUnseenReasoning(
  example: ChatExample,
  index: number,
  text: string,
  tokenizer: ChatTokenizer,
): boolean {
  const {
    reasoning: _one,
    thinking: _two,
    reasoning_content: _three,
    ...message
  } = example.messages[index] as ChatMessage;
  const messages = example.messages.with(index, { ...message, reasoning_content: 'Qz' });
  return tryRender(example, tokenizer, messages, false) === text;
}
