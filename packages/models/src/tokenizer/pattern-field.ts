import { z } from 'zod';
import type { Place } from './place.ts';

/** A pattern as Split and Replace have it: a literal or a regular expression. */
export const patternField = z.union([
  z.strictObject({ String: z.string() }),
  z.strictObject({ Regex: z.string() }),
]);

/** Finds the matches of a pattern field: `[start, end, start, end, ...]`. */
export type Matcher = (text: string) => readonly number[];

export function matcherOf(field: z.output<typeof patternField>, place: Place): Matcher {
  if ('Regex' in field) {
    const pattern = place.at('Regex').pattern(field.Regex);
    return (text) => pattern.matches(text);
  }
  const literal = field.String;
  if (literal === '') return emptyMatches(place);
  return (text) => {
    const found: number[] = [];
    for (
      let start = text.indexOf(literal);
      start !== -1;
      start = text.indexOf(literal, start + literal.length)
    )
      found.push(start, start + literal.length);
    return found;
  };
}

/** An empty literal matches everywhere, as an empty regular expression does. */
function emptyMatches(place: Place): Matcher {
  const pattern = place.pattern('');
  return (text) => pattern.matches(text);
}
