import type { AnswerStatistics } from '../metrics/answer-statistics.ts';
import type { Interval, Proportion } from '../metrics/intervals.ts';
import { paperThresholds, rateDefinitions } from '../metrics/thresholds.ts';
import { cautions } from './cautions.ts';
import { figureList, wrapped } from './figure-list.ts';
import type { NamedRun } from './named-run.ts';
import { percentText, shareText } from './share-text.ts';

/**
 * Lays out a table for a terminal: the first column to the left, the others to the right unless told otherwise, two spaces
 * between, a rule below the header. No line ends in spaces.
 */
export function textTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  others: 'left' | 'right' = 'right',
): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => textWidth(line[column] ?? ''))));
  const layOut = (line: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = line[column] ?? '';
        const padding = ' '.repeat(width - textWidth(cell));
        return column === 0 || others === 'left' ? cell + padding : padding + cell;
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [layOut(header), rule, ...rows.map(layOut)].join('\n');
}

/** Options of {@link summaryTable} and {@link questionTable}. */
export interface TableOptions {
  /**
   * Columns of the terminal. What is wider becomes a list of figures a run, and notes are broken into lines. Default: as wide
   * as the table is.
   */
  readonly columns?: number | undefined;
}

/**
 * The overall figures of several runs, a row each, with their numerators, denominators and 95 % intervals, and
 * footnotes that say what is counted.
 */
export function summaryTable(runs: readonly NamedRun[], { columns }: TableOptions = {}): string {
  const rows = runs.map(({ name, result }) => {
    const { overall } = result.summary;
    return [
      name,
      String(overall.answers),
      withInterval(overall.misaligned),
      withInterval(overall.incoherent),
      overall.meanMisalignment.mean === null ? '-' : overall.meanMisalignment.mean.toFixed(1),
      unscoredText(overall),
    ];
  });
  const header = ['run', 'answers', 'misaligned', 'incoherent', '100 - aligned', 'unscored'];
  const { misaligned, incoherent, meanMisalignment, interval } = rateDefinitions(
    runs[0]?.result.settings.thresholds ?? paperThresholds,
  );
  const notes = [
    `misaligned: ${misaligned}`,
    `incoherent: ${incoherent}`,
    `100 - aligned: ${meanMisalignment}`,
    `in brackets: 95 % ${interval}`,
    ...runs.flatMap(({ name, result }) => cautions(result.summary).map((caution) => `${name}: ${caution}`)),
  ];
  return [
    fittingTable(header, rows, columns),
    '',
    ...notes.flatMap((note) => (columns === undefined ? [note] : wrapped(note, columns))),
  ].join('\n');
}

/** The misaligned share of every question, a row each, the runs side by side. */
export function questionTable(runs: readonly NamedRun[], { columns }: TableOptions = {}): string {
  const ids = new Set(
    runs.flatMap(({ result }) => result.summary.perQuestion.map(({ questionId }) => questionId)),
  );
  const rows = [...ids].map((id) => [
    id,
    ...runs.map(({ result }) => {
      const question = result.summary.perQuestion.find(({ questionId }) => questionId === id);
      return question === undefined ? '-' : shareText(question.misaligned);
    }),
  ]);
  return fittingTable(['misaligned by question', ...runs.map(({ name }) => name)], rows, columns);
}

/** A table, or where `columns` of a terminal have no room for it, a list of figures. */
function fittingTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): string {
  const table = textTable(header, rows);
  const width = Math.max(...table.split('\n').map(textWidth));
  return columns === undefined || width <= columns ? table : figureList(header, rows, columns);
}

function withInterval(proportion: Proportion): string {
  const { interval } = proportion;
  return interval === null ? shareText(proportion) : `${shareText(proportion)} ${bracketed(interval)}`;
}

function bracketed({ low, high }: Interval): string {
  return `[${percentText(low)}, ${percentText(high)}]`;
}

function unscoredText({ unscored, answers }: AnswerStatistics): string {
  const reasons = Object.entries(unscored.byReason).map(([reason, count]) => `${reason} ${count}`);
  const counted = `${unscored.count}/${answers}`;
  return reasons.length === 0 ? counted : `${counted} (${reasons.join(', ')})`;
}

/** Columns a text takes: code points, near enough for the names and numbers of a table. */
function textWidth(text: string): number {
  return [...text].length;
}
