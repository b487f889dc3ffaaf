/** What Python's `str.isspace` and `\s` take for white space; JavaScript's differs by U+FEFF, U+0085 and U+001C to U+001F. */
export const whitespace =
  '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';

const space = new RegExp(whitespace);

/** The text without white space at its start. */
export function stripStart(text: string): string {
  let start = 0;
  while (start < text.length && space.test(text[start]!)) start++;
  return text.slice(start);
}

/** The text without white space at its end. */
export function stripEnd(text: string): string {
  let end = text.length;
  while (end > 0 && space.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}
