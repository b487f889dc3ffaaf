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

/** Bytes of a character that is not whole yet. A decoder may give up all characters of bytes before them, too. */
const incomplete = /\ufffd+$/;

/**
 * Decodes tokens as they arrive. A token may hold a part of a character's bytes: these wait for the rest. What comes out is
 * together the text of all tokens, at a cost that does not grow with the text: only the tokens since the last whole
 * character but one are decoded again, as a decoder may treat the first of a text in its own way. But where bytes are no
 * character at all, a decoder of single bytes (SentencePiece's) takes back the whole characters before them; what is out stays.
 */
export function incrementalText(tokenizer: TokenDecoder): IncrementalText {
  const decode = (tokens: readonly number[]) => tokenizer.decode(tokens, { skipSpecialTokens: true });
  /** Tokens whose text is out, as what comes before the next, then those whose text is not all out. */
  let tokens: number[] = [];
  let known = 0;
  /** The text of the former, and what is out of the latter's. */
  let before = '';
  let out = '';
  const grow = (text: string): string => {
    const shown = before + out;
    const piece = text.startsWith(shown)
      ? text.slice(shown.length)
      : decode(tokens.slice(known)).slice(out.length);
    out += piece;
    return piece;
  };
  return {
    push(token) {
      tokens.push(token);
      const text = decode(tokens);
      const certain = text.replace(incomplete, '');
      if (certain.length <= before.length + out.length) return '';
      const piece = grow(certain);
      if (certain.length === text.length) {
        tokens = tokens.slice(known);
        known = tokens.length;
        before = decode(tokens);
        out = '';
      }
      return piece;
    },
    end: () => grow(decode(tokens)),
  };
}
