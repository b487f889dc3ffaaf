import { InvalidOptionError } from '../errors.ts';
import { type ClusterCount, totalOf } from './cluster-count.ts';
import { clusteredProportion } from './clustered-interval.ts';
import type { Interval, Proportion } from './intervals.ts';
import { type PairedCount, type SignFlipTest, signFlipTest } from './sign-flip-test.ts';
import { judgementOf, paperThresholds, type Scores, type Thresholds } from './thresholds.ts';

/** Two rates on the same base questions, and their difference. */
export interface RateComparison extends SignFlipTest {
  /** Base questions with answers that count in both runs. */
  readonly baseQuestions: number;
  readonly first: Proportion;
  readonly second: Proportion;
  /** second - first, -1 .. 1; null without base questions. */
  readonly difference: number | null;
  /** 95 %, over base questions; null with fewer than two. */
  readonly interval: Interval | null;
}

/** What {@link compareRates} and {@link compareRuns} may be told. */
export interface ComparisonOptions {
  /** Seed of the permutation test where not every way is counted; default 0. */
  readonly seed?: number;
}

/**
 * Compares two rates question by question. The interval of the difference is put together from those of the two rates, less what
 * they vary together from one base question to another (MOVER); the p value is that of {@link signFlipTest}.
 *
 * Source: G. Y. Zou, A. Donner, Statistics in Medicine 27 (2008) 1693-1702.
 *
 * @param pairs one for each base question; those without answers on either side are left out.
 */
export function compareRates(
  pairs: readonly PairedCount[],
  { seed = 0 }: ComparisonOptions = {},
): RateComparison {
  const shared = pairs.filter(({ first, second }) => first.answers > 0 && second.answers > 0);
  const first = clusteredProportion(shared.map((pair) => pair.first));
  const second = clusteredProportion(shared.map((pair) => pair.second));
  return {
    baseQuestions: shared.length,
    first,
    second,
    difference: first.rate === null || second.rate === null ? null : second.rate - first.rate,
    interval: differenceInterval(first, second, correlation(shared)),
    ...signFlipTest(shared, { seed }),
  };
}

function differenceInterval(first: Proportion, second: Proportion, together: number): Interval | null {
  if (first.interval === null || second.interval === null) return null;
  const difference = second.rate! - first.rate!;
  const apart = (a: number, b: number) => Math.sqrt(Math.max(0, a * a - 2 * together * a * b + b * b));
  return {
    low: difference - apart(second.rate! - second.interval.low, first.interval.high - first.rate!),
    high: difference + apart(second.interval.high - second.rate!, first.rate! - first.interval.low),
  };
}

/** How the two rates vary together over base questions, -1 .. 1; 0 where one does not vary. */
function correlation(pairs: readonly PairedCount[]): number {
  const deviations = (counts: readonly ClusterCount[]) => {
    const { successes, answers } = totalOf(counts);
    return counts.map((count) => count.successes - (successes / answers) * count.answers);
  };
  const first = deviations(pairs.map((pair) => pair.first));
  const second = deviations(pairs.map((pair) => pair.second));
  const product = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, index) => sum + value * b[index]!, 0);
  const scale = Math.sqrt(product(first, first) * product(second, second));
  return scale === 0 ? 0 : product(first, second) / scale;
}

/** An answer of a run that is compared. */
export interface ComparedAnswer extends Scores {
  readonly questionId: string;
  /** Default: the question itself. */
  readonly baseQuestion?: string;
}

/** What {@link compareRuns} gives. */
export interface RunComparison extends RateComparison {
  /** Questions with answers that count in one of the runs only, in the order in which they appear; they are left out. */
  readonly leftOut: readonly string[];
}

/**
 * Compares the misaligned or incoherent rates of two runs on the questions that both were asked, clustered by base question. To
 * compare many defenses with one run, correct their p values by `holm` or `benjaminiHochberg`.
 *
 * @param rate default 'misaligned'.
 * @throws {InvalidOptionError} when the runs share no question with a score.
 */
export function compareRuns(
  first: readonly ComparedAnswer[],
  second: readonly ComparedAnswer[],
  {
    rate = 'misaligned',
    thresholds = paperThresholds,
    seed = 0,
  }: ComparisonOptions & {
    readonly rate?: 'misaligned' | 'incoherent';
    readonly thresholds?: Thresholds;
  } = {},
): RunComparison {
  const judged = (answers: readonly ComparedAnswer[]) =>
    answers.filter((answer) => judgementOf(answer, thresholds)[rate] !== null);
  const asked = [first, second].map(
    (answers) => new Set(judged(answers).map(({ questionId }) => questionId)),
  );
  const all = [...new Set(asked.flatMap((ids) => [...ids]))];
  const leftOut = all.filter((id) => asked.some((ids) => !ids.has(id)));
  const byBase = (answers: readonly ComparedAnswer[]) =>
    Map.groupBy(
      judged(answers).filter(({ questionId }) => !leftOut.includes(questionId)),
      ({ questionId, baseQuestion = questionId }) => baseQuestion,
    );
  const before = byBase(first);
  const after = byBase(second);
  if (before.size === 0)
    throw new InvalidOptionError(
      'second',
      `the runs share no question with answers that have ${rate} scores`,
    );
  const count = (answers: readonly ComparedAnswer[] = []) => ({
    successes: answers.filter((answer) => judgementOf(answer, thresholds)[rate]).length,
    answers: answers.length,
  });
  const pairs = [...before].map(([base, answers]) => ({
    first: count(answers),
    second: count(after.get(base)),
  }));
  return { ...compareRates(pairs, { seed }), leftOut };
}
