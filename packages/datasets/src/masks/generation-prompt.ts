import { ChatTemplateError } from '../errors.ts';
import { type ChatExample, describeExample } from '../example/example.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { markTexts } from './marked-texts.ts';
import { type RenderedChat, render, tryRender } from './rendering.ts';

const lastPromptOf = new WeakMap<ChatTokenizer, string>();

/**
 * Where in the whole text a response begins: behind the prompt before it as rendered for generation.
 *
 * Many templates write the generation prompt (the header of the assistant's turn) only behind a message of the user: not
 * for an empty conversation, nor behind a system message alone. There the header stands in the whole text all the same,
 * and would be taken for a part of the response. So it is looked for: between the messages before the response and its
 * content there must stand what the template writes as generation prompt elsewhere.
 *
 * @throws {@link ChatTemplateError} when the whole does not begin with the prompt, or does not show where it ends.
 */
export function promptEnd(
  example: ChatExample,
  messageIndex: number,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
): number {
  if (messageIndex === 0) return endOfHeader(example, 0, 0, whole, tokenizer);
  const before = example.messages.slice(0, messageIndex);
  const prompt = render(example, tokenizer, before, true);
  if (!whole.text.startsWith(prompt)) {
    throw failure(
      example,
      messageIndex,
      'the whole conversation does not begin with the prompt before this response as rendered for generation, because the ' +
        'chat template rewrites earlier turns; nor does it read as its texts put into the template, so it is unclear where ' +
        "the response stands. Mark the assistant's part of the template with {% generation %} and {% endgeneration %}, or use " +
        'another template.',
    );
  }
  const known = example.templateArguments === undefined ? lastPromptOf.get(tokenizer) : undefined;
  const usual = known ?? generationPrompt(example, tokenizer);
  if (usual === '' || prompt.endsWith(usual)) return prompt.length;
  const isHidden = prompt === render(example, tokenizer, before, false);
  return isHidden ? endOfHeader(example, messageIndex, prompt.length, whole, tokenizer) : prompt.length;
}

/** A {@link ChatTemplateError} about one message. */
export function failure(example: ChatExample, messageIndex: number, problem: string): ChatTemplateError {
  const message = `messages[${messageIndex}]: ${problem}`;
  return new ChatTemplateError(describeExample(example), example.origin, message);
}

/**
 * What the template adds to ask for an answer behind a message of the user; empty when it adds nothing. Kept in
 * `lastPromptOf` for examples without template arguments of their own.
 */
function generationPrompt(example: ChatExample, tokenizer: ChatTokenizer): string {
  const { messages } = example;
  const firstUser = messages.findIndex(({ role }) => role === 'user');
  const own = firstUser === -1 ? [] : [messages.slice(0, firstUser + 1)];
  for (const asking of [...own, [{ role: 'user', content: 'Hello' }]]) {
    try {
      const without = render(example, tokenizer, asking, false);
      const prompt = render(example, tokenizer, asking, true);
      const added = prompt.startsWith(without) ? prompt.slice(without.length) : '';
      if (example.templateArguments === undefined) lastPromptOf.set(tokenizer, added);
      return added;
    } catch {
      // A template may refuse a part of a conversation; what it makes of the whole is known by now.
    }
  }
  return '';
}

/** Of a prompt whose generation prompt is empty, so much must stand before the response. */
const leastContext = 4;

/**
 * Where the header of a response ends in a text that does not begin with its prompt: behind the last place, before the first
 * text of the response (`to`), that reads as the prompt's end. What a generation prompt opens at its end (<think>) may be
 * missing, as templates leave it out of turns without thoughts. Undefined when there is no such place from `from` on.
 */
export function headerEnd(
  example: ChatExample,
  messageIndex: number,
  { text }: RenderedChat,
  tokenizer: ChatTokenizer,
  from: number,
  to: number,
): number | undefined {
  const before = example.messages.slice(0, messageIndex);
  const prompt = tryRender(example, tokenizer, before, true) ?? generationPrompt(example, tokenizer);
  const header = prompt.slice(sharedLength(prompt, tryRender(example, tokenizer, before, false) ?? ''));
  for (const length of openings(header)) {
    const known = prompt
      .slice(0, prompt.length - header.length + length)
      .slice(-Math.max(length, leastContext));
    const at = known === '' ? -1 : text.lastIndexOf(known, to - known.length);
    if (at !== -1 && at + known.length >= from) return at + known.length;
  }
  return undefined;
}

/** Lengths of a generation prompt: whole, and without the thought it opens at its end, tag by tag and line by line. */
function openings(header: string): number[] {
  const ends = [...header.matchAll(/[>\]\n]|.(?=<)/gs)].map(({ index }) => index + 1);
  const cuts = ends.filter((end) => /^\s*$|think|thought|reason|analysis/i.test(header.slice(end)));
  return [...new Set([header.length, ...cuts.toReversed()])];
}

/** How many characters two texts begin with alike. */
export function sharedLength(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let length = 0;
  while (length < most && one[length] === other[length]) length += 1;
  return length;
}

/** Where the header of a response ends whose prompt does not show it; the search begins at `from`. */
function endOfHeader(
  example: ChatExample,
  messageIndex: number,
  from: number,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
): number {
  const content = contentStart(example, messageIndex, whole, tokenizer);
  const prompt = generationPrompt(example, tokenizer);
  if (prompt === '') return content;
  const at = whole.text.slice(0, content).lastIndexOf(prompt);
  if (at < from) {
    throw failure(
      example,
      messageIndex,
      'the chat template writes no generation prompt before this response, and begins its turn otherwise than behind a ' +
        "message of the user, so it is unclear where the response begins. Put a user's message before it.",
    );
  }
  return at + prompt.length;
}

/** Where the text of a message begins in the whole: there it changes when the message says something else. */
function contentStart(
  example: ChatExample,
  messageIndex: number,
  { text }: RenderedChat,
  tokenizer: ChatTokenizer,
): number {
  const { messages, texts, pattern } = markTexts(
    example.messages,
    (_, index) => index === messageIndex,
    text,
  );
  const message = example.messages[messageIndex];
  if (texts.length === 0 && message !== undefined) {
    const other = example.messages.with(messageIndex, { ...message, content: 'Qz' });
    return sharedLength(text, render(example, tokenizer, other, false));
  }
  const marked = render(example, tokenizer, messages, false);
  const [first] = marked.matchAll(pattern);
  return sharedLength(text, marked.slice(0, first?.index));
}
