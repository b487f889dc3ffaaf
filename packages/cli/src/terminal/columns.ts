import stringWidth from 'fast-string-width';
import { wrapAnsi } from 'fast-wrap-ansi';

const between = ' | ';
/** Narrower columns do not read well. */
const leastWidth = 34;

/** Whether two texts can stand side by side in so many columns. */
export function haveRoom(columns: number | undefined): columns is number {
  return columns !== undefined && columns >= 2 * leastWidth + between.length;
}

/** Two texts side by side under their titles, each line broken to half of the width; wide characters count as two columns. */
export function sideBySide(
  left: readonly [title: string, text: string],
  right: readonly [title: string, text: string],
  columns: number,
): string {
  const width = Math.floor((columns - between.length) / 2);
  const lines = ([title, text]: readonly [string, string]) => [
    ...broken(title, width),
    '-'.repeat(width),
    ...broken(text, width),
  ];
  const [first, second] = [lines(left), lines(right)];
  const height = Math.max(first.length, second.length);
  return Array.from({ length: height }, (_, row) => {
    const line = first[row] ?? '';
    const padding = ' '.repeat(Math.max(0, width - stringWidth(line)));
    return `${line}${padding}${between}${second[row] ?? ''}`.trimEnd();
  }).join('\n');
}

function broken(text: string, width: number): string[] {
  // A tab has a width of its own at each place.
  return wrapAnsi(text.replaceAll('\t', '    '), width, { hard: true, trim: false }).split('\n');
}
