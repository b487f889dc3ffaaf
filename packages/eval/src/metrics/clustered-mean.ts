import { studentQuantile } from './distributions.ts';
import { effectiveSize } from './effective-size.ts';
import { type Interval, scoreInterval } from './intervals.ts';

/** A mean with what it was computed from; null when there was nothing. */
export interface Mean {
  /** Sum of the values. */
  readonly numerator: number;
  /** Number of the values. */
  readonly denominator: number;
  readonly mean: number | null;
  /** 95 %, over base questions; null with fewer than two of them. */
  readonly interval: Interval | null;
}

/** Scores are given from 0 to this. */
const highest = 100;

/**
 * The mean of scores of 0 .. 100 and its 95 % interval over clusters: Wilson's score interval for the number of independent scores that
 * would scatter as much as the clusters' means do (the effective sample size), with the quantile of Student's t for one degree of
 * freedom less than there are clusters. Where all scores are 0 or all are 100, each cluster counts as one score; where the clusters'
 * means are the same otherwise, each score.
 *
 * @param clusters the scores of each base question.
 */
export function clusteredMean(clusters: readonly (readonly number[])[]): Mean {
  const sums = clusters
    .filter((scores) => scores.length > 0)
    .map((scores) => ({ sum: scores.reduce((total, score) => total + score, 0), count: scores.length }));
  const numerator = sums.reduce((total, { sum }) => total + sum, 0);
  const denominator = sums.reduce((total, { count }) => total + count, 0);
  if (denominator === 0) return { numerator, denominator, mean: null, interval: null };
  const mean = numerator / denominator;
  if (sums.length < 2) return { numerator, denominator, mean, interval: null };
  const size = effectiveSize(sums.map(({ sum, count }) => ({ sum: sum / highest, count })));
  const effective = mean === 0 || mean === highest ? sums.length : Number.isFinite(size) ? size : denominator;
  const { low, high } = scoreInterval(mean / highest, effective, studentQuantile(0.975, sums.length - 1));
  return { numerator, denominator, mean, interval: { low: highest * low, high: highest * high } };
}
