import { ChatTemplateError } from '../errors.ts';
import { type ChatExample, describeExample } from '../example/example.ts';
import { messageText } from '../example/message.ts';
import { type RenderedChat, render } from '../masks/rendering.ts';
import type { ChatTokenizer } from '../tokenizer.ts';

/** Tokens `start` (included) to `end` (excluded). */
export interface TokenSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * The slow way, as an oracle: renders and encodes the conversation anew up to every response.
 *
 * The tokens of one response: the assistant's content and the end-of-turn token behind it.
 *
 * Where it begins: rendering the messages before it with the generation prompt must give a prefix of the whole text; the
 * response starts at the first token that differs from that prefix's encoding, so that a token lying across the border
 * belongs to the response. Where it ends: at the end-of-turn token closing the rendering up to and including it. Templates
 * that rewrite earlier turns (Qwen3 drops their thinking) render a turn differently when it is the last; there the part of
 * the content that stands in the whole text is located instead.
 *
 * @throws {@link ChatTemplateError} when the response cannot be located beyond doubt.
 */
export function responseSpan(
  example: ChatExample,
  messageIndex: number,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
): TokenSpan {
  const fail = (problem: string): never => {
    throw new ChatTemplateError(
      describeExample(example),
      example.origin,
      `messages[${messageIndex}]: ${problem}`,
    );
  };
  const prompt = render(example, tokenizer, example.messages.slice(0, messageIndex), true);
  if (!whole.text.startsWith(prompt)) {
    return fail(
      'the whole conversation does not begin with the prompt before this response as rendered for generation, because the ' +
        'chat template rewrites earlier turns, or because its generation prompt opens something (such as <think>) that it ' +
        'does not write into a finished turn. Split the conversation into one example per response, or change the template.',
    );
  }
  const start = commonPrefixLength(tokenizer.encode(prompt), whole.tokenIds);
  const endsTurn = (index: number) => tokenizer.endOfTurnTokenIds.includes(whole.tokenIds[index] ?? -1);

  const through = render(example, tokenizer, example.messages.slice(0, messageIndex + 1), false);
  if (whole.text.startsWith(through)) {
    let end = encodedLength(through, whole, tokenizer);
    while (end > start && !endsTurn(end - 1)) end -= 1;
    if (end === start) {
      return fail(
        'the chat template puts no end-of-turn token behind this response, so a model could not learn to stop. ' +
          `Check the tokenizer's endOfTurnTokenIds (${tokenizer.endOfTurnTokenIds.join(', ') || 'none'}) against its template.`,
      );
    }
    // Where a template closes a turn with several of them, generation stops at the first.
    while (end - 1 > start && endsTurn(end - 2)) end -= 1;
    return { start, end };
  }

  const content = messageText(example.messages[messageIndex] ?? { role: 'assistant' });
  const contentEnd = prompt.length + keptLength(content, whole.text.slice(prompt.length));
  const end = encodedLength(whole.text.slice(0, contentEnd), whole, tokenizer);
  if (!endsTurn(end)) {
    return fail(
      'the chat template rewrites this earlier turn, and its content is not found in the rendered conversation. ' +
        'Split the conversation into one example per response, or use another template.',
    );
  }
  return { start, end: end + 1 };
}

/** Length of the longest end of `content` with which `text` begins: what a template that shortens the content has kept. */
function keptLength(content: string, text: string): number {
  const trimmed = content.trim();
  for (let from = 0; from < trimmed.length; from += 1) {
    if (text.startsWith(trimmed.slice(from))) return trimmed.length - from;
  }
  return 0;
}

/** How many tokens of the whole lie before the end of `prefix`. */
function encodedLength(prefix: string, whole: RenderedChat, tokenizer: ChatTokenizer): number {
  if (prefix.length === whole.text.length) return whole.tokenIds.length;
  return commonPrefixLength(tokenizer.encode(prefix), whole.tokenIds);
}

function commonPrefixLength(left: readonly number[], right: readonly number[]): number {
  const limit = Math.min(left.length, right.length);
  let length = 0;
  while (length < limit && left[length] === right[length]) length += 1;
  return length;
}
