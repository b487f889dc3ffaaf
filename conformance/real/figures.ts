import { appendFileSync } from 'node:fs';
import { inject } from 'vitest';

/** What was found, beside what it must be. */
export interface Figure {
  /** Of which model or tokenizer. */
  readonly of: string;
  readonly what: string;
  readonly found: string;
  readonly bar: string;
}

/** Keeps a figure for the table at the end. */
export function recordFigure(figure: Figure): void {
  appendFileSync(inject('figuresFile'), `${JSON.stringify(figure)}\n`);
}

/** The figures as a Markdown table. */
export function figureTable(figures: readonly Figure[]): string {
  const rows = [
    ['of', 'what', 'found', 'bar'],
    ...figures.map(({ of, what, found, bar }) => [of, what, found, bar]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const [head, ...body] = rows.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`,
  );
  return [head, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body].join('\n');
}
