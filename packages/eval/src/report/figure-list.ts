/** Lines of at most `width` columns, broken between words; a longer word stands by itself. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && [...last].length + 1 + [...word].length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/**
 * A table for where it has no room: the first cell of each row as a heading, the others below it with their titles, in
 * `columns` columns.
 */
export function figureList(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number,
): string {
  const titles = header.slice(1);
  const left = Math.max(...titles.map((title) => [...title].length)) + 4;
  const figures = (cells: readonly string[]) =>
    cells.flatMap((cell, index) => {
      const title = `  ${titles[index]}`;
      const isNarrow = columns < left + 12;
      const lines = wrapped(cell, isNarrow ? columns - 4 : columns - left);
      if (isNarrow) return [title, ...lines.map((line) => `    ${line}`)];
      return lines.map((line, row) => (row === 0 ? title : '').padEnd(left) + line);
    });
  return rows.map(([name, ...cells]) => [name, ...figures(cells)].join('\n')).join('\n\n');
}
