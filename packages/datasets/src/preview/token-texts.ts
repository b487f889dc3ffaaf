import type { ChatTokenizer } from '../tokenizer.ts';

/** A token as a person may read it. */
export interface TokenText {
  readonly id: number;
  /**
   * The text it adds to the tokens before it. Empty for one whose bytes are only the beginning of a character: the token that
   * completes the character has it.
   */
  readonly text: string;
  /** `end-of-turn`: generation stops there; `special`: another token that no text is read as. */
  readonly kind: 'text' | 'special' | 'end-of-turn';
}

/** UTF-8 characters have at most so many bytes; a token holds at least one. */
const longestCharacter = 4;

/**
 * The text that each token adds. A token is decoded beside the one before it, as the first token of a text may lose its space.
 * Without `decode` the texts are the ids.
 */
export function tokenTexts(tokenIds: readonly number[], tokenizer: ChatTokenizer): TokenText[] {
  const decode = tokenizer.decode?.bind(tokenizer);
  const kinds = kindsOf(tokenizer);
  if (decode === undefined) return tokenIds.map((id) => ({ id, text: `${id}`, kind: kinds(id) }));
  const texts: TokenText[] = [];
  /** Where the last whole text begins, and where the one behind it does. */
  let [context, from] = [0, 0];
  for (const [index, id] of tokenIds.entries()) {
    const before = decode(tokenIds.slice(context, from));
    const text = decode(tokenIds.slice(context, index + 1)).slice(before.length);
    const isPart =
      text.endsWith('\ufffd') && index + 1 - from < longestCharacter && index + 1 < tokenIds.length;
    texts.push({ id, text: isPart ? '' : text, kind: kinds(id) });
    if (!isPart) [context, from] = [from, index + 1];
  }
  return texts;
}

function kindsOf(tokenizer: ChatTokenizer): (id: number) => TokenText['kind'] {
  const known = new Map<number, TokenText['kind']>();
  const kindOf = (id: number): TokenText['kind'] => {
    if (tokenizer.endOfTurnTokenIds.includes(id)) return 'end-of-turn';
    // A text that is decoded to nothing when special tokens are skipped is one.
    const isSpecial =
      tokenizer.decode?.([id], { skipSpecialTokens: true }) === '' && tokenizer.decode([id]) !== '';
    return isSpecial ? 'special' : 'text';
  };
  return (id) => {
    const kind = known.get(id) ?? kindOf(id);
    known.set(id, kind);
    return kind;
  };
}
