import type { ChatTokenizer } from '../tokenizer.ts';
import type { RenderedChat } from './rendering.ts';

/** Where an end-of-turn token stands in the text and among the tokens. */
interface Anchor {
  readonly offset: number;
  readonly end: number;
  readonly index: number;
}

/** Places of a text among its tokens. */
export interface TokenBorders {
  /** How many tokens lie before a place: one that lies across it does not. */
  before(offset: number): number;
  /** Behind the token that holds the last character before a place: one that lies across it counts. */
  through(offset: number): number;
}

/**
 * Tells how many tokens of the whole lie before a place of its text: as many as the encoding of the text up to there has
 * in common with the whole's. Only what lies between the end-of-turn token before the place and the place is encoded:
 * a special token divides a text, what is encoded from it on is encoded as in the whole.
 *
 * A tokenizer that cannot tell the text of its end-of-turn tokens has the text encoded from its beginning each time.
 */
export function tokenBorders(whole: RenderedChat, tokenizer: ChatTokenizer): TokenBorders {
  const { text, tokenIds } = whole;
  const anchors = findAnchors(whole, tokenizer);
  const known = new Map<number, number>([[text.length, tokenIds.length]]);
  /** Places that a token lies across, with the anchor before each. */
  const cut = new Map<number, { readonly from: number; readonly index: number }>();
  const before = (offset: number): number => {
    const found = known.get(offset);
    if (found !== undefined) return found;
    const { offset: from, index } = lastBefore(anchors, offset) ?? { offset: 0, index: 0 };
    const encoded = tokenizer.encode(text.slice(from, offset));
    let length = 0;
    while (length < encoded.length && encoded[length] === tokenIds[index + length]) length += 1;
    known.set(offset, index + length);
    if (length < encoded.length) cut.set(offset, { from, index });
    return index + length;
  };
  const through = (offset: number): number => {
    let end = before(offset);
    const across = cut.get(offset);
    if (across === undefined) return end;
    const { from, index } = across;
    const reaches = () => (tokenizer.decode?.(tokenIds.slice(index, end)).length ?? offset) >= offset - from;
    do end += 1;
    while (end < tokenIds.length && !reaches());
    return end;
  };
  return { before, through };
}

function lastBefore(anchors: readonly Anchor[], offset: number): Anchor | undefined {
  let from = 0;
  let to = anchors.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((anchors[middle] as Anchor).end <= offset) from = middle + 1;
    else to = middle;
  }
  return anchors[from - 1];
}

/** The n-th end-of-turn token among the tokens is the n-th in the text; none are known when the two do not agree. */
function findAnchors({ text, tokenIds }: RenderedChat, tokenizer: ChatTokenizer): Anchor[] {
  const idOfText = dividingTokens(tokenizer);
  if (idOfText.size === 0) return [];
  const longestFirst = [...idOfText.keys()].toSorted((a, b) => b.length - a.length);
  const pattern = new RegExp(
    longestFirst.map((token) => token.replaceAll(/[^\w\s]/gu, '\\$&')).join('|'),
    'g',
  );
  const ids = new Set(idOfText.values());
  const places = [...tokenIds.keys()].filter((index) => ids.has(tokenIds[index] as number));
  const found = [...text.matchAll(pattern)];
  const agrees =
    found.length === places.length &&
    found.every(([token], number) => idOfText.get(token) === tokenIds[places[number] as number]);
  if (!agrees) return [];
  return found.map((match, number) => ({
    offset: match.index,
    end: match.index + match[0].length,
    index: places[number] as number,
  }));
}

/** Text and id of those end-of-turn tokens that stay whole wherever they are written. */
function dividingTokens(tokenizer: ChatTokenizer): Map<string, number> {
  const known = new Map<string, number>();
  for (const id of tokenizer.endOfTurnTokenIds) {
    const token = tokenizer.decode?.([id]) ?? '';
    const probe = token === '' ? [] : tokenizer.encode(`a${token}${token}a`);
    if (probe.filter((other) => other === id).length === 2) known.set(token, id);
  }
  return known;
}
