import type { ChatTemplateError } from './errors.ts';
import type { ChatExample } from './example.ts';
import { failure, promptEnd } from './generation-prompt.ts';
import { type RenderedChat, render } from './rendering.ts';
import { RepeatedTurns, type TextSpan } from './repeated-turns.ts';
import { tokenBorders } from './token-borders.ts';
import type { ChatTokenizer } from './tokenizer.ts';

/** Tokens `start` (included) to `end` (excluded). */
export interface TokenSpan {
  readonly start: number;
  readonly end: number;
}

/** Responses that are each located by rendering the conversation up to them; of later ones every 2^n-th, and the last. */
const renderedResponses = 32;

/**
 * The tokens of the responses: each the assistant's content and the end-of-turn token behind it. Responses wholly behind
 * the first `maxLength` tokens are left out, and not looked for.
 *
 * Where one begins: behind the prompt before it, see {@link promptEnd}; at the first token that differs from the prompt's
 * encoding, so that a token lying across the border belongs to the response. Where it ends: at the end-of-turn token closing
 * the rendering up to and including it. Templates that rewrite earlier turns (Qwen3 drops their thinking) render a turn
 * differently when it is the last; there the part of the content that stands in the whole text is located instead.
 *
 * Rendering up to every response would take time by the square of the conversation's length. So from the 33rd on a response
 * is also taken as found where the text reads as earlier turns do with its contents put in, and only the 64th, 128th, ... and
 * the last are rendered as well: were one of them elsewhere, all would be.
 *
 * @throws {@link ChatTemplateError} when a response cannot be located beyond doubt.
 */
export function responseSpans(
  example: ChatExample,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
  maxLength: number,
): TokenSpan[] {
  const tokensBefore = tokenBorders(whole, tokenizer);
  return (
    locate(example, whole, tokenizer, maxLength, tokensBefore, renderedResponses) ??
    (locate(example, whole, tokenizer, maxLength, tokensBefore, Number.POSITIVE_INFINITY) as TokenSpan[])
  );
}

/** undefined when a response that was rendered is not where the turns before it made expect it. */
function locate(
  example: ChatExample,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
  maxLength: number,
  tokensBefore: (offset: number) => number,
  rendered: number,
): TokenSpan[] | undefined {
  const turns = new RepeatedTurns(whole.text);
  const spans: TokenSpan[] = [];
  let previous: (TextSpan & { readonly index: number }) | undefined;
  let unchecked: TextSpan | undefined;
  for (const [index, { role }] of example.messages.entries()) {
    if (role !== 'assistant') continue;
    const between = previous && example.messages.slice(previous.index + 1, index + 1);
    let expected = previous && spans.length >= rendered ? turns.predict(previous, between ?? []) : undefined;
    // An empty content is found anywhere; a turn must end behind it.
    if (expected && tokenEnd(expected, whole, tokenizer, tokensBefore) === undefined) expected = undefined;
    const isChecked = expected === undefined || Number.isInteger(Math.log2(spans.length + 1));
    let found = expected;
    if (found === undefined || isChecked) {
      found = textSpan(example, index, whole, tokenizer);
      if (expected !== undefined && !isSame(expected, found)) return undefined;
      if (previous) turns.learn(previous, between ?? [], found);
    }
    const start = tokensBefore(found.start);
    if (start >= maxLength) break;
    const end = tokenEnd(found, whole, tokenizer, tokensBefore);
    if (end === undefined) throw endless(example, index, found, tokenizer);
    spans.push({ start, end });
    previous = { ...found, index };
    unchecked = isChecked ? undefined : found;
  }
  const isSound =
    unchecked === undefined || isSame(unchecked, textSpan(example, previous?.index ?? 0, whole, tokenizer));
  return isSound ? spans : undefined;
}

function isSame(one: TextSpan, other: TextSpan): boolean {
  return one.start === other.start && one.end === other.end && one.closed === other.closed;
}

/** Where a response lies in the text, by rendering the conversation up to it and up to its end. */
function textSpan(
  example: ChatExample,
  index: number,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
): TextSpan {
  const start = promptEnd(example, index, whole, tokenizer);
  const isLast = index === example.messages.length - 1;
  const through = isLast
    ? whole.text
    : render(example, tokenizer, example.messages.slice(0, index + 1), false);
  if (whole.text.startsWith(through)) return { start, end: through.length, closed: true };
  const content = example.messages[index]?.content.trim() ?? '';
  const kept = keptLength(content, whole.text.slice(start, start + content.length));
  return { start, end: start + kept, closed: false };
}

/** Behind the end-of-turn token that closes a response; undefined when there is none. */
function tokenEnd(
  { start, end: textEnd, closed }: TextSpan,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
  tokensBefore: (offset: number) => number,
): number | undefined {
  const endsTurn = (at: number) => tokenizer.endOfTurnTokenIds.includes(whole.tokenIds[at] ?? -1);
  let end = tokensBefore(textEnd);
  if (!closed) return endsTurn(end) ? end + 1 : undefined;
  const first = tokensBefore(start);
  while (end > first && !endsTurn(end - 1)) end -= 1;
  if (end === first) return undefined;
  // Where a template closes a turn with several of them, generation stops at the first.
  while (end - 1 > first && endsTurn(end - 2)) end -= 1;
  return end;
}

function endless(
  example: ChatExample,
  index: number,
  { closed }: TextSpan,
  tokenizer: ChatTokenizer,
): ChatTemplateError {
  return failure(
    example,
    index,
    closed
      ? 'the chat template puts no end-of-turn token behind this response, so a model could not learn to stop. ' +
          `Check the tokenizer's endOfTurnTokenIds (${tokenizer.endOfTurnTokenIds.join(', ') || 'none'}) against its template.`
      : 'the chat template rewrites this earlier turn, and its content is not found in the rendered conversation. ' +
          'Split the conversation into one example per response, or use another template.',
  );
}

/**
 * Length of the longest end of `content` with which `text` begins: what a template that shortens the content has kept.
 * By the prefix function of Knuth, Morris and Pratt, in one walk over both.
 */
function keptLength(content: string, text: string): number {
  const borders = new Int32Array(text.length);
  const advance = (matched: number, character: string | undefined): number => {
    let length = matched;
    while (length > 0 && (length === text.length || text[length] !== character))
      length = borders[length - 1] ?? 0;
    return text[length] === character ? length + 1 : length;
  };
  for (let at = 1; at < text.length; at += 1) borders[at] = advance(borders[at - 1] ?? 0, text[at]);
  let matched = 0;
  for (const character of content.split('')) matched = advance(matched, character);
  return matched;
}
