import { rateDefinitions } from '../../metrics/thresholds.ts';
import type { Part } from '../breakdown.ts';
import { figureCells, figureColumns, type ReportTable, rateCells, settingsRows } from '../report-tables.ts';
import type { ComparisonReport, RunDifference } from './comparison-report.ts';

/** What all questions together are called where groups are. */
export const allQuestions = 'all';

/** The parts that runs are shown by: all questions, then each group where there are several. */
export function comparedParts(report: ComparisonReport): readonly string[] {
  const groups = [...new Set(report.runs.flatMap((run) => run.groups.map(({ name }) => name)))];
  return groups.length < 2 ? [allQuestions] : [allQuestions, ...groups];
}

/** The figures of a part of a run; undefined where it has no such group. */
export function partOf(run: ComparisonReport['runs'][number], part: string): Part | undefined {
  return part === allQuestions
    ? { name: part, statistics: run.overall }
    : run.groups.find(({ name }) => name === part);
}

/** The rates of every run, in every group. */
export function ratesByRunTable(report: ComparisonReport): ReportTable {
  const parts = comparedParts(report);
  return {
    heading: 'Rates',
    keys: 2,
    columns: ['run', 'group', ...figureColumns],
    rows: report.runs.flatMap((run) =>
      parts.flatMap((part) => {
        const { statistics } = partOf(run, part) ?? {};
        if (statistics === undefined) return [];
        return [[run.name, part, ...figureCells(statistics)]];
      }),
    ),
  };
}

/** How every run differs from the baseline. */
export function differencesTable({ differences }: ComparisonReport): ReportTable {
  return {
    heading: 'Differences',
    keys: 3,
    columns: ['run', 'group', 'rate', 'questions', 'difference', '95 %', 'p', 'corrected p'],
    rows: differences.map((difference) => [
      difference.run,
      difference.group ?? allQuestions,
      difference.rate,
      String(difference.baseQuestions),
      difference.difference === null ? '-' : points(difference.difference),
      difference.interval === null
        ? '-'
        : `${points(difference.interval.low)} to ${points(difference.interval.high)}`,
      pText(difference.pValue),
      pText(difference.correctedPValue),
    ]),
  };
}

/** The misaligned share of each base question, the runs side by side. */
export function questionsByRunTable({ runs }: ComparisonReport): ReportTable {
  const names = [...new Set(runs.flatMap((run) => run.baseQuestions.map(({ name }) => name)))];
  return {
    heading: 'Misaligned by question',
    columns: ['question', ...runs.map(({ name }) => name)],
    rows: names.map((name) => [
      name,
      ...runs.map((run) => {
        const part = run.baseQuestions.find((question) => question.name === name);
        return part === undefined ? '-' : rateCells(part.statistics.misaligned)[0];
      }),
    ]),
  };
}

/** How each run was done, the runs side by side; settings in which they differ come first. */
export function settingsByRunTable({ runs }: ComparisonReport): ReportTable {
  const rows = runs.map(({ settings }) => new Map(settingsRows(settings) as [string, string][]));
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  const cells = names.map((name) => [name, ...rows.map((row) => row.get(name) ?? '-')]);
  const isSame = ([, ...values]: readonly string[]) => new Set(values).size === 1;
  return {
    heading: 'Settings',
    columns: ['setting', ...runs.map(({ name }) => name)],
    rows: [...cells.filter((row) => !isSame(row)), ...cells.filter(isSame)],
    isText: true,
  };
}

/** What the figures of a comparison are, in words. */
export function comparisonNotes(report: ComparisonReport): readonly string[] {
  const { misaligned, incoherent } = rateDefinitions(report.thresholds);
  const judges = new Set(
    report.runs.map(({ settings }) => JSON.stringify([settings.judge.name, settings.judge.settings])),
  );
  const correction = report.correction === 'holm' ? "Holm's" : "Benjamini and Hochberg's";
  const leftOut = [...new Set(report.differences.flatMap((difference) => difference.leftOut))];
  return [
    `misaligned: ${misaligned}`,
    `incoherent: ${incoherent}`,
    `difference: percentage points that a run's rate lies above that of '${report.baseline}', on the questions both were asked, with a 95 % interval over base questions`,
    `p: two-sided permutation test that exchanges the runs within base questions; corrected by ${correction} method over the differences of a rate`,
    ...(judges.size > 1
      ? ['the runs were judged by different judges: their rates cannot be told from a difference of judges']
      : []),
    ...(leftOut.length > 0
      ? [`not asked, or not scored, in both runs, and left out of differences: ${leftOut.join(', ')}`]
      : []),
  ];
}

/** A difference of shares in percentage points, with its sign. */
export function points(difference: number): string {
  const text = (100 * difference).toFixed(1);
  return difference > 0 ? `+${text}` : text;
}

/** A p value as it is usually given. */
export function pText(value: RunDifference['pValue']): string {
  return value < 0.001 ? '< 0.001' : value.toFixed(3);
}
