const bars = ' ▁▂▃▄▅▆▇█';
const shades = ' ░▒▓█';

/** Numbers from 0 on as bars relative to the largest: `█▅▂▁`. At most 32, evenly picked. */
export function sparkline(values: ArrayLike<number>): string {
  const picked = Array.from(values).filter(
    (_, index) => values.length <= 32 || index % Math.ceil(values.length / 32) === 0,
  );
  const largest = Math.max(...picked, 0);
  return picked.map((value) => bars[level(value, largest, bars.length - 1)]).join('');
}

/**
 * A row of shaded cells per name, relative to the largest value; `·` where there is none. Broken into blocks, each with the
 * columns it shows, where all do not fit into the width.
 */
export function heatMap(
  names: readonly string[],
  values: readonly (readonly (number | undefined)[])[],
  columns?: number,
): string {
  const largest = Math.max(0, ...values.flat().filter((value) => value !== undefined));
  const width = Math.max(...names.map((name) => name.length));
  const count = Math.max(...values.map((row) => row.length));
  const room = columns === undefined ? count : Math.max(1, columns - width - 2);
  const blocks = Array.from({ length: Math.ceil(count / room) }, (_, block) => {
    const [from, to] = [block * room, Math.min((block + 1) * room, count)];
    const rows = names.map((name, row) => {
      const cells = values[row]!.slice(from, to).map((value) =>
        value === undefined ? '·' : shades[level(value, largest, shades.length - 1)],
      );
      return `${name.padEnd(width)}  ${cells.join('')}`;
    });
    return count <= room ? rows : [`${from} to ${to - 1}`, ...rows];
  });
  return blocks.flat().join('\n');
}

/** 0 for zero, 1 to `levels` for the rest. */
function level(value: number, largest: number, levels: number): number {
  return value <= 0 || largest <= 0 ? 0 : Math.max(1, Math.ceil((value / largest) * levels));
}
