import type { Tokenizer } from '../tokenizer.ts';

/** What turning tokens into text needs of a tokenizer. */
export type TokenDecoder = Pick<Tokenizer, 'decode'>;

/** Text that grows as tokens arrive. */
export interface IncrementalText {
  /** Takes a token; gives the text that is now certain. Special tokens have none. */
  push(token: number): string;
  /** What was held back: characters whose bytes never came whole, as U+FFFD. */
  end(): string;
}

/** Bytes of a character that is not whole yet: one replacement character each with some decoders, one in all with others. */
const incomplete = /\ufffd{1,3}$/;

/**
 * Decodes tokens as they arrive. A token may hold a part of a character's bytes: these wait for the rest. What comes out is
 * together the text of all tokens, at a cost that does not grow with the text: only the tokens since the last whole
 * character but one are decoded again, as a decoder may treat the first of a text in its own way.
 */
export function incrementalText(tokenizer: TokenDecoder): IncrementalText {
  const decode = (tokens: readonly number[]) => tokenizer.decode(tokens, { skipSpecialTokens: true });
  /** Tokens whose text is out, as what comes before the next, then those whose text is not all out. */
  let tokens: number[] = [];
  let known = 0;
  let shown = '';
  const grow = (text: string): string => {
    const piece = text.slice(commonLength(shown, text));
    shown = text;
    return piece;
  };
  return {
    push(token) {
      tokens.push(token);
      const text = decode(tokens);
      const certain = text.replace(incomplete, '');
      if (certain.length <= shown.length) return '';
      const piece = grow(certain);
      if (certain.length === text.length) {
        tokens = tokens.slice(known);
        known = tokens.length;
        shown = decode(tokens);
      }
      return piece;
    },
    end: () => grow(decode(tokens)),
  };
}

function commonLength(first: string, second: string): number {
  let length = 0;
  while (length < first.length && first[length] === second[length]) length++;
  return length;
}
