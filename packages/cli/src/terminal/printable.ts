// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Text that cannot command a terminal: control characters (but line feed and tab) and marks that turn the direction of
 * writing become visible, such as `\x1b`. Names in files, and errors that quote them, come from strangers.
 */
export function printable(text: string): string {
  return text.replace(unprintable, visible);
}

/** The same for a text of one line, such as a cell of a table: line feeds and tabs become visible too. */
export function printableName(name: string): string {
  return printable(name).replace(/[\n\t]/g, visible);
}

function visible(character: string): string {
  const code = character.codePointAt(0)!.toString(16);
  return code.length > 2 ? `\\u{${code}}` : `\\x${code.padStart(2, '0')}`;
}
