import { InvalidOptionError } from '../errors.ts';
import { type ClusterCount, totalOf } from './cluster-count.ts';
import { clusteredProportion } from './clustered-interval.ts';
import { differenceInterval, type Reach } from './difference-interval.ts';
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
 * Compares two rates question by question. The interval of the difference is put together from those of the two rates and how these
 * vary together from one base question to another, by the method MOVER for errors that are correlated (Zou and Donner, Statistics in
 * Medicine 27, 2008). The p value is that of {@link signFlipTest}.
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
    interval:
      shared.length < 2 ? null : differenceInterval(reachOf(first), reachOf(second), correlation(shared)),
    ...signFlipTest(shared, { seed }),
  };
}

function reachOf({ rate, interval }: Proportion): Reach {
  return { rate: rate!, below: rate! - interval!.low, above: interval!.high - rate! };
}

/**
 * How the two rates vary together over base questions, above -1 and below 1: one answer more that deviates by itself is counted on
 * either side, so that runs which happen to be the same do not seem to be so for certain.
 */
function correlation(pairs: readonly PairedCount[]): number {
  const deviations = (counts: readonly ClusterCount[]) => {
    const { successes, answers } = totalOf(counts);
    return counts.map((count) => count.successes - (successes / answers) * count.answers);
  };
  const first = deviations(pairs.map((pair) => pair.first));
  const second = deviations(pairs.map((pair) => pair.second));
  const product = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, index) => sum + value * b[index]!, 0);
  return product(first, second) / Math.sqrt((product(first, first) + 1) * (product(second, second) + 1));
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
