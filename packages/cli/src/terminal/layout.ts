import { styleText } from 'node:util';
import { hasStyles } from './output.ts';
import { indented, wrapped } from './wrap.ts';

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
