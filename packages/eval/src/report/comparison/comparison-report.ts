import { InvalidOptionError } from '../../errors.ts';
import { benjaminiHochberg, holm } from '../../metrics/multiple-testing.ts';
import { compareRuns, type RunComparison } from '../../metrics/paired-comparison.ts';
import { judgementOf, type Thresholds } from '../../metrics/thresholds.ts';
import type { EvaluatedAnswer, EvaluationSettings } from '../../run/evaluation-result.ts';
import { type Breakdown, breakdownOf } from '../breakdown.ts';
import type { NamedRun } from '../named-run.ts';

/** The rates that runs are compared by. */
export type ComparedRate = 'misaligned' | 'incoherent';

/** How one run differs from the baseline, on the questions that both were asked: the run's rate less the baseline's. */
export interface RunDifference extends RunComparison {
  readonly run: string;
  /** A group of questions, or null for all of them. */
  readonly group: string | null;
  readonly rate: ComparedRate;
  /** The p value, corrected for how many differences of this rate there are. */
  readonly correctedPValue: number;
}

/** Several evaluations side by side, as plain data. */
export interface ComparisonReport {
  readonly format: 'safetune-comparison';
  readonly version: 1;
  /** Name of the run that the others are compared with. */
  readonly baseline: string;
  readonly correction: 'holm' | 'benjamini-hochberg';
  readonly thresholds: Thresholds;
  readonly runs: readonly ({ readonly name: string; readonly settings: EvaluationSettings } & Breakdown)[];
  /** Of every run but the baseline: first misaligned, then incoherent; first all questions, then each group. */
  readonly differences: readonly RunDifference[];
}

/** What {@link comparisonReport} may be told. */
export interface ComparisonReportOptions {
  /** Default: the first run. */
  readonly baseline?: string;
  /**
   * How p values are corrected for the number of differences of a rate: 'holm' (the default) for claims about each of them,
   * 'benjamini-hochberg' for screening many.
   */
  readonly correction?: ComparisonReport['correction'];
  /** Seed of the permutation test where not every way is counted; default 0. */
  readonly seed?: number;
}

/**
 * Compares several evaluations: the rates of each, and how each differs from the baseline, paired by base question (see
 * `compareRuns`). A group that a run shares no judged question of with the baseline has no difference.
 *
 * @throws {InvalidOptionError} for fewer than two runs, a name used twice, a baseline that is not among them, other thresholds.
 */
export function comparisonReport(
  runs: readonly NamedRun[],
  { baseline = runs[0]?.name ?? '', correction = 'holm', seed = 0 }: ComparisonReportOptions = {},
): ComparisonReport {
  const first = refuseIncomparable(runs, baseline);
  const { thresholds } = first.result.settings;
  const others = runs.filter(({ name }) => name !== baseline);
  const differences = (['misaligned', 'incoherent'] as const).flatMap((rate) => {
    const options = { rate, thresholds, seed };
    const compared = others.flatMap((run) => differencesOf(first, run, options));
    const correct = correction === 'holm' ? holm : benjaminiHochberg;
    const corrected = correct(compared.map(({ pValue }) => pValue));
    return compared.map((difference, index) => ({ ...difference, correctedPValue: corrected[index]! }));
  });
  return {
    format: 'safetune-comparison',
    version: 1,
    baseline,
    correction,
    thresholds,
    runs: runs.map(({ name, result }) => ({ name, settings: result.settings, ...breakdownOf(result) })),
    differences,
  };
}

interface Compared {
  readonly rate: ComparedRate;
  readonly thresholds: Thresholds;
  readonly seed: number;
}

function differencesOf(baseline: NamedRun, run: NamedRun, options: Compared) {
  const groups = [...new Set(baseline.result.rows.map(({ group }) => group))];
  const parts = groups.length < 2 ? [null] : [null, ...groups];
  return parts.flatMap((group) => {
    const [before, after] = [baseline, run].map(({ result }) =>
      result.rows.filter(
        (row) =>
          (group === null || row.group === group) &&
          judgementOf(row, options.thresholds)[options.rate] !== null,
      ),
    ) as [EvaluatedAnswer[], EvaluatedAnswer[]];
    const asked = new Set(before.map(({ questionId }) => questionId));
    if (!after.some(({ questionId }) => asked.has(questionId))) return [];
    return [{ run: run.name, group, rate: options.rate, ...compareRuns(before, after, options) }];
  });
}

/** The baseline among runs that can be compared. */
function refuseIncomparable(runs: readonly NamedRun[], baseline: string): NamedRun {
  if (runs.length < 2) throw new InvalidOptionError('runs', `needs two to compare, not ${runs.length}`);
  const names = runs.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new InvalidOptionError('runs', `two are called '${twice}'; name them apart`);
  const first = runs.find(({ name }) => name === baseline);
  if (first === undefined)
    throw new InvalidOptionError(
      'baseline',
      `'${baseline}' is none of ${names.map((name) => `'${name}'`).join(', ')}`,
    );
  const thresholds = JSON.stringify(first.result.settings.thresholds);
  const other = runs.find(({ result }) => JSON.stringify(result.settings.thresholds) !== thresholds);
  if (other !== undefined)
    throw new InvalidOptionError(
      'runs',
      `'${other.name}' was summarised with other thresholds than '${baseline}'; summarise both with the same`,
    );
  return first;
}
