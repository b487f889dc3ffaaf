import { ChatTemplateError } from './errors.ts';
import { type ChatExample, type ChatMessage, describeExample } from './example.ts';
import { type RenderedChat, render } from './rendering.ts';
import type { ChatTokenizer } from './tokenizer.ts';

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
        'chat template rewrites earlier turns, or because its generation prompt opens something (such as <think>) that it ' +
        'does not write into a finished turn. Split the conversation into one example per response, or change the template.',
    );
  }
  const usual = lastPromptOf.get(tokenizer) ?? generationPrompt(example, tokenizer);
  if (usual === '' || prompt.endsWith(usual)) return prompt.length;
  const isHidden = prompt === render(example, tokenizer, before, false);
  return isHidden ? endOfHeader(example, messageIndex, prompt.length, whole, tokenizer) : prompt.length;
}

/** A {@link ChatTemplateError} about one message. */
export function failure(example: ChatExample, messageIndex: number, problem: string): ChatTemplateError {
  const message = `messages[${messageIndex}]: ${problem}`;
  return new ChatTemplateError(describeExample(example), example.origin, message);
}

/** What the template adds to ask for an answer behind a message of the user; empty when it adds nothing. */
function generationPrompt(example: ChatExample, tokenizer: ChatTokenizer): string {
  const { messages } = example;
  const firstUser = messages.findIndex(({ role }) => role === 'user');
  const own = firstUser === -1 ? [] : [messages.slice(0, firstUser + 1)];
  for (const asking of [...own, [{ role: 'user', content: 'Hello' }]]) {
    try {
      const without = tokenizer.renderChat(asking, { addGenerationPrompt: false });
      const prompt = tokenizer.renderChat(asking, { addGenerationPrompt: true });
      const added = prompt.startsWith(without) ? prompt.slice(without.length) : '';
      lastPromptOf.set(tokenizer, added);
      return added;
    } catch {
      // A template may refuse a part of a conversation; what it makes of the whole is known by now.
    }
  }
  return '';
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

/** Where the text of a message begins in the whole: there it changes when the message has another content. */
function contentStart(
  example: ChatExample,
  messageIndex: number,
  { text }: RenderedChat,
  tokenizer: ChatTokenizer,
): number {
  const message = example.messages[messageIndex] as ChatMessage;
  const other = message.content.trimStart().startsWith('Q') ? 'Zq' : 'Qz';
  const changed = example.messages.with(messageIndex, { ...message, content: other });
  const otherText = render(example, tokenizer, changed, false);
  let length = 0;
  while (length < text.length && text[length] === otherText[length]) length += 1;
  return length;
}
