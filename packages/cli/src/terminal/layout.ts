import { styleText } from 'node:util';
import { hasStyles } from './output.ts';

/** A heading with what belongs to it. */
export function section(title: string, body: string): string {
  return `${hasStyles() ? styleText('bold', title, { validateStream: false }) : title}\n${body}`;
}

/** Names and what they are, side by side where there is room, else one below the other. */
export function twoColumns(rows: readonly (readonly [string, string])[], width: number): string {
  const left = Math.min(Math.max(...rows.map(([name]) => name.length)), 30) + 4;
  if (width < left + 30) {
    return rows.map(([name, text]) => `  ${name}\n${indented(text, width, 6)}`).join('\n');
  }
  return rows
    .map(([name, text]) => {
      const lines = wrapped(text, width - left);
      if (name.length + 4 > left)
        return [`  ${name}`, ...lines.map((line) => ' '.repeat(left) + line)].join('\n');
      return lines
        .map((line, index) => (index === 0 ? `  ${name}`.padEnd(left) : ' '.repeat(left)) + line)
        .join('\n');
    })
    .join('\n');
}

/** Text in lines of at most `width` characters, but for longer words. */
export function wrap(text: string, width: number): string {
  return wrapped(text, width).join('\n');
}

export function indented(text: string, width: number, by = 2): string {
  return wrapped(text, width - by)
    .map((line) => ' '.repeat(by) + line)
    .join('\n');
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
