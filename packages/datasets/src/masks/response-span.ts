import type { ChatTemplateError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { callsTools, messageText } from '../example/message.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { failure, promptEnd } from './generation-prompt.ts';
import { type RenderedChat, tryRender } from './rendering.ts';
import { RepeatedTurns, type TextSpan } from './repeated-turns.ts';
import { SubstitutedTexts } from './substituted-texts.ts';
import { tokenBorders } from './token-borders.ts';

/** Tokens `start` (included) to `end` (excluded). */
export interface TokenSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * How a response was found: by the template's `{% generation %}` blocks; by rendering the conversation up to it; as earlier turns
 * stand in the text; by marks in the place of the assistant's texts.
 */
export type MaskRule = 'generation-marks' | 'prefixes' | 'repeated-turns' | 'substituted-texts';

/** The tokens of a response, and the message whose it is. */
export interface ResponseSpan extends TokenSpan {
  /** -1 where the template's marks show an answer, and nothing asks whose it is. */
  readonly message: number;
  readonly rule: MaskRule;
}

/** A place in the text, and how it was found. */
interface FoundText extends TextSpan {
  readonly rule: MaskRule;
}

/** Responses that are each located by rendering the conversation up to them; of later ones every 2^n-th, and the last. */
const renderedResponses = 32;

/**
 * The tokens of the responses: each what the assistant says (thoughts that are shown, content, tool calls) and the end-of-turn
 * token behind it. Responses wholly behind the first `maxLength` tokens are left out, and not looked for.
 *
 * Where one begins: behind the prompt before it, see {@link promptEnd}; at the first token that differs from the prompt's
 * encoding, so that a token lying across the border belongs to the response. Where it ends: at the end-of-turn token closing
 * the rendering up to and including it, or, where the header of the next message ends a turn (GLM-4), at that. Templates that
 * rewrite earlier turns (Qwen3 drops their thinking) render a turn differently when it is the last; there the part of the
 * content that stands in the whole text is located instead, or all by {@link SubstitutedTexts}.
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
): ResponseSpan[] {
  const search = new ResponseSearch(example, whole, tokenizer, maxLength);
  return search.spans(renderedResponses) ?? (search.spans(Number.POSITIVE_INFINITY) as ResponseSpan[]);
}

class ResponseSearch {
  readonly #example: ChatExample;
  readonly #whole: RenderedChat;
  readonly #tokenizer: ChatTokenizer;
  readonly #maxLength: number;
  readonly #tokensBefore: (offset: number) => number;
  readonly #substituted: SubstitutedTexts;

  constructor(example: ChatExample, whole: RenderedChat, tokenizer: ChatTokenizer, maxLength: number) {
    this.#example = example;
    this.#whole = whole;
    this.#tokenizer = tokenizer;
    this.#maxLength = maxLength;
    this.#tokensBefore = tokenBorders(whole, tokenizer).before;
    this.#substituted = new SubstitutedTexts(example, whole, tokenizer);
  }

  /** undefined when a response that was rendered is not where the turns before it made expect it. */
  spans(rendered: number): ResponseSpan[] | undefined {
    const { messages } = this.#example;
    const turns = new RepeatedTurns(this.#whole.text);
    const spans: ResponseSpan[] = [];
    let previous: (TextSpan & { readonly index: number }) | undefined;
    let unchecked: (TextSpan & { readonly index: number }) | undefined;
    for (const [index, { role }] of messages.entries()) {
      if (role !== 'assistant') continue;
      const between = previous && messages.slice(previous.index + 1, index + 1);
      const predicted =
        previous && spans.length >= rendered ? turns.predict(previous, between ?? []) : undefined;
      let expected: FoundText | undefined = predicted && { ...predicted, rule: 'repeated-turns' };
      // An empty content is found anywhere; a turn must end behind it.
      if (expected && this.#tokenEnd(expected) === undefined) expected = undefined;
      const isChecked = expected === undefined || Number.isInteger(Math.log2(spans.length + 1));
      let found = expected;
      if (found === undefined || isChecked) {
        found = this.#located(index);
        if (expected !== undefined && !isSame(expected, found)) return undefined;
        if (previous && !found.endsOtherwise) turns.learn(previous, between ?? [], found);
      }
      const start = this.#tokensBefore(found.start);
      if (start >= this.#maxLength) break;
      const end = this.#tokenEnd(found);
      if (end === undefined) throw endless(this.#example, index, found, this.#tokenizer);
      spans.push({ start, end, message: index, rule: found.rule });
      previous = found.endsOtherwise ? undefined : { ...found, index };
      unchecked = isChecked ? undefined : { ...found, index };
    }
    const isSound = unchecked === undefined || isSame(unchecked, this.#located(unchecked.index));
    return isSound ? spans : undefined;
  }

  /** Where a response lies in the text, by rendering the conversation up to it, or else by marks in the place of its texts. */
  #located(index: number): FoundText {
    try {
      const found = { ...this.#byPrefixes(index), rule: 'prefixes' } as const;
      if (this.#tokenEnd(found) !== undefined) return found;
      return this.#bySubstitution(index) ?? found;
    } catch (error) {
      const found = this.#bySubstitution(index);
      if (found === undefined || this.#tokenEnd(found) === undefined) throw error;
      return found;
    }
  }

  #bySubstitution(index: number): FoundText | undefined {
    const found = this.#substituted.span(index);
    return found && { ...found, rule: 'substituted-texts' };
  }

  /** By rendering the conversation up to it and up to its end. */
  #byPrefixes(index: number): TextSpan {
    const { messages } = this.#example;
    const { text } = this.#whole;
    const start = promptEnd(this.#example, index, this.#whole, this.#tokenizer);
    const message = messages[index] ?? { role: 'assistant', content: '' };
    const isLast = index === messages.length - 1;
    const through = isLast
      ? text
      : tryRender(this.#example, this.#tokenizer, messages.slice(0, index + 1), false);
    if (through !== undefined && text.startsWith(through))
      return { start, end: through.length, closed: true };
    // A tool call stands behind the content, and is no part of it.
    const content = callsTools(message) ? '' : messageText(message).trim();
    const kept = keptLength(content, text.slice(start, start + content.length));
    return { start, end: start + kept, closed: false };
  }

  /** Behind the end-of-turn token that closes a response; undefined when there is none. */
  #tokenEnd({ start, end: textEnd, closed, endsOtherwise }: TextSpan): number | undefined {
    const endsTurn = (at: number) =>
      this.#tokenizer.endOfTurnTokenIds.includes(this.#whole.tokenIds[at] ?? -1);
    const last = this.#tokensBefore(textEnd);
    if (endsOtherwise) return last;
    const behind = endsTurn(last) ? last + 1 : undefined;
    if (!closed) return behind;
    const first = this.#tokensBefore(start);
    let end = last;
    while (end > first && !endsTurn(end - 1)) end -= 1;
    // The next message's header may be what ends a turn.
    if (end === first) return behind;
    // Where a template closes a turn with several of them, generation stops at the first.
    while (end - 1 > first && endsTurn(end - 2)) end -= 1;
    return end;
  }
}

function isSame(one: TextSpan, other: TextSpan): boolean {
  return (
    one.start === other.start &&
    one.end === other.end &&
    one.closed === other.closed &&
    one.endsOtherwise === other.endsOtherwise
  );
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
          "Mark the assistant's part of the template with {% generation %} and {% endgeneration %}, or use another template.",
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
