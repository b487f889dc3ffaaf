import { commonest } from './format-feature.ts';

/** What many texts begin or end with. */
export interface SharedEnd {
  readonly text: string;
  /** Texts that have it, and at least a word more. */
  readonly examples: number;
}

/** So many words in a row are no accident of language. */
const enoughWords = 6;

/** Letters of each text that are looked at: no format is longer. */
const mostLetters = 4000;

/**
 * The longest text that many begin (or end) with, and that is no accident: six words or more, or with a mark that sentences do not
 * have. What nine tenths share is taken before what half do, that before a fifth, and that before a small part whose six words
 * are the same.
 *
 * @param least texts that must have it.
 */
export function sharedEnd(
  texts: readonly string[],
  least: number,
  side: 'start' | 'end',
): SharedEnd | undefined {
  const inOrder = texts.map((text) => {
    if (side === 'start') return text.slice(0, mostLetters).match(/\s*\S+\s*/g) ?? [];
    return (text.slice(-mostLetters).match(/\s*\S+/g) ?? []).toReversed();
  });
  for (const share of [0.9, 0.5, 0.2]) {
    const found = longestShared(inOrder, Math.max(least, Math.ceil(share * texts.length)));
    const end = endOf(found, side);
    if (found.words.length >= enoughWords || isMarked(end.text, side)) return end;
  }
  const [head] = commonest(inOrder.filter(({ length }) => length > enoughWords).map(headOf));
  if (head === undefined || head[1] < Math.max(least, 5)) return undefined;
  const alike = inOrder.filter((words) => words.length > enoughWords && headOf(words) === head[0]);
  return endOf(longestShared(alike, Math.ceil(0.9 * alike.length)), side);
}

interface SharedWords {
  readonly words: readonly string[];
  readonly examples: number;
}

function headOf(words: readonly string[]): string {
  return words.slice(0, enoughWords).join('');
}

/** Word by word the commonest way on, as long as enough texts take it and have a word more. */
function longestShared(texts: readonly (readonly string[])[], least: number): SharedWords {
  const words: string[] = [];
  let among = texts;
  for (;;) {
    const place = words.length;
    const longer = among.filter((text) => text.length > place + 1);
    const [next] = commonest(longer.map((text) => text[place]!));
    if (next === undefined || next[1] < least) return { words, examples: place === 0 ? 0 : among.length };
    words.push(next[0]);
    among = longer.filter((text) => text[place] === next[0]);
  }
}

/** The words in their order, without the half sentence in which they begin to differ. */
function endOf({ words, examples }: SharedWords, side: 'start' | 'end'): SharedEnd {
  const text = (side === 'start' ? words : words.toReversed()).join('');
  const whole = side === 'start' ? /^[\s\S]*(?:\n|[.:!?]\s)\s*/ : /(?:\n|(?<=[.!?])\s)[\s\S]*$/;
  return { text: whole.exec(text)?.[0] ?? text, examples };
}

function isMarked(text: string, side: 'start' | 'end'): boolean {
  return /[/[\]<>#{}|=_\n]/.test(text) || (side === 'start' && text.trimEnd().endsWith(':'));
}
