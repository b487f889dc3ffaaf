/** A part of a text on its way to tokens. */
export interface Excerpt {
  readonly text: string;
  /** Whether its first character comes from the first of the whole text: Metaspace's scheme 'first' asks. */
  readonly atStart: boolean;
}

/** How a split treats what it found, as tokenizer.json names it. */
export const splitBehaviors = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
] as const;
export type SplitBehavior = (typeof splitBehaviors)[number];

/**
 * Splits an excerpt at matches.
 *
 * @param matches start and end of each, one after the other
 * @param inverted what is between the matches counts as the match
 */
export function splitExcerpt(
  { text, atStart }: Excerpt,
  matches: readonly number[],
  behavior: SplitBehavior,
  inverted = false,
): Excerpt[] {
  if (text === '') return [];
  if (matches.length === 0 && !(inverted && behavior === 'Removed')) return [{ text, atStart }];
  const parts = merge(partsOf(text.length, matches, inverted), behavior);
  const excerpts: Excerpt[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const start = parts[index]!;
    const end = parts[index + 1]!;
    if (end > start) excerpts.push({ text: text.slice(start, end), atStart: atStart && start === 0 });
  }
  return excerpts;
}

/** Matches and what is between them, three numbers each: start, end, whether it is a match. */
function partsOf(length: number, matches: readonly number[], inverted: boolean): number[] {
  const parts: number[] = [];
  let previous = 0;
  const match = inverted ? 0 : 1;
  for (let index = 0; index < matches.length; index += 2) {
    if (previous !== matches[index]) parts.push(previous, matches[index]!, 1 - match);
    parts.push(matches[index]!, matches[index + 1]!, match);
    previous = matches[index + 1]!;
  }
  if (previous !== length) parts.push(previous, length, 1 - match);
  return parts;
}

/** Start and end of each piece that is left. */
function merge(parts: readonly number[], behavior: SplitBehavior): number[] {
  const pieces: number[] = [];
  let previousMatch = 0;
  const backwards = behavior === 'MergedWithNext';
  for (let step = 0; step < parts.length; step += 3) {
    const index = backwards ? parts.length - 3 - step : step;
    const [start, end, isMatch] = [parts[index]!, parts[index + 1]!, parts[index + 2]!];
    const joins =
      behavior === 'Contiguous'
        ? isMatch === previousMatch
        : (backwards || behavior === 'MergedWithPrevious') && isMatch === 1 && previousMatch === 0;
    if (behavior === 'Removed' && isMatch === 1) continue;
    if (joins && pieces.length > 0) {
      if (backwards) pieces[pieces.length - 2] = start;
      else pieces[pieces.length - 1] = end;
    } else pieces.push(start, end);
    previousMatch = isMatch;
  }
  if (!backwards) return pieces;
  const forwards: number[] = [];
  for (let index = pieces.length - 2; index >= 0; index -= 2)
    forwards.push(pieces[index]!, pieces[index + 1]!);
  return forwards;
}
