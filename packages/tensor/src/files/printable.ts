/** Characters that a terminal acts on, that are invisible, or that turn the direction of text; and halves of surrogates. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Longest text of a stranger that a message repeats. */
const shownCharacters = 200;

/**
 * Text that may come from a stranger's file (a tensor's name, a key, a path), fit for a message on a terminal: control
 * characters are written as escapes such as `\u001b`, and a long text is cut.
 */
export function printable(text: string, limit = shownCharacters): string {
  const escaped = text
    .slice(0, limit)
    .replaceAll(unprintable, (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`);
  const isCut = text.length > limit || escaped.length > limit;
  return isCut ? `${escaped.slice(0, limit)}... (${text.length} characters)` : escaped;
}

/** A message of an error as a whole, {@link printable}: the last guard of classes whose messages name strangers' things. */
export function printableMessage(message: string): string {
  return printable(message, 3000);
}

/** The first few of a list of names, {@link printable}, and how many more there are. */
export function someNames(names: readonly string[], shown = 8): string {
  const first = names
    .slice(0, shown)
    .map((name) => printable(name))
    .join(', ');
  return names.length > shown ? `${first} and ${names.length - shown} more` : first;
}
