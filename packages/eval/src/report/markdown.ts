import type { ReportTable } from './report-tables.ts';

/** A table in Markdown, the first column to the left, the others to the right; no text in it is markup. */
export function markdownTable({ columns, rows, isText = false }: ReportTable): string {
  const line = (cells: readonly string[]) => `| ${cells.map(markdownText).join(' | ')} |`;
  const rule = columns.map((_, column) => (column === 0 || isText ? ':--' : '--:'));
  return [line(columns), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n');
}

/** Text that Markdown shows as it is: on one line, its marks escaped. */
export function markdownText(text: string): string {
  return text
    .replace(/[\\`*_{}[\]<>#|~&!$]/g, '\\$&')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Text of several lines as it is, in a block of code that nothing in it can end. */
export function markdownBlock(text: string, longest = 1000): string {
  const shown = text.length > longest ? `${text.slice(0, longest)} ...` : text;
  const ticks = Math.max(2, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(ticks + 1);
  return `${fence}text\n${shown}\n${fence}`;
}
