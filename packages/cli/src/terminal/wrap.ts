/** Text in lines of at most `width` characters, but for longer words. */
export function wrap(text: string, width: number): string {
  return wrapped(text, width).join('\n');
}

export function indented(text: string, width: number, by = 2): string {
  return wrapped(text, width - by)
    .map((line) => ' '.repeat(by) + line)
    .join('\n');
}

/** The lines of a text, broken between words. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Text of several lines, each broken between words, what was broken off as far to the right as its line. */
export function wrapLines(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => {
      const indent = line.length - line.trimStart().length;
      return line.length <= width ? line : indented(line.trim(), width, indent);
    })
    .join('\n');
}
