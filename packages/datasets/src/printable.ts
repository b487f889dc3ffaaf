/**
 * Text of a file as a message may show it: control characters, terminal escapes and invisible marks are written out as
 * `\u001b`, and what is long is cut.
 */
export function printable(text: string, longest = 60): string {
  const shown = text.length > longest ? `${text.slice(0, longest)}...` : text;
  // Cc: controls; Cf: bidi marks and other invisible ones; Cs: halves of surrogate pairs; Zl, Zp: line separators.
  return shown.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '\n' ? '\\n' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** {@link printable} between quotes. */
export function quoted(text: string, longest = 60): string {
  return `"${printable(text, longest)}"`;
}

/** What a value is, in a word or two: "a list", "the number 3", '"yes"'. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? quoted(value) : `${value}`;
}
