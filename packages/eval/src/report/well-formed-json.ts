/** JSON that readers in other languages take: halves of surrogate pairs, which Python and others refuse, are replaced by U+FFFD. */
export function wellFormedJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_, part: unknown) => (typeof part === 'string' ? part.toWellFormed() : part),
    indent,
  );
}
