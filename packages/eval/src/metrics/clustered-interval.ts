import { betaBinomialInterval } from './beta-binomial-interval.ts';
import { type ClusterCount, totalOf } from './cluster-count.ts';
import { studentQuantile } from './distributions.ts';
import { effectiveSize } from './effective-size.ts';
import { type Interval, type Proportion, scoreInterval } from './intervals.ts';

/**
 * The 95 % interval of a rate over clusters: of the mean rate of all the base questions that those asked stand for. Answers to one
 * base question resemble each other, so that many answers to few questions tell little about others.
 *
 * It holds two intervals. One takes the rates of base questions to have a beta distribution, and knows that rare answers come in
 * clumps (see `betaBinomialInterval`). The other assumes no distribution: Wilson's score interval for the number of independent
 * answers that would scatter as much as those of the base questions do, at most as many as there are, with the quantile of Student's t
 * for one degree of freedom less than there are base questions. How often it holds the truth, beside others:
 * docs/evaluation-statistics.md.
 *
 * @returns null with fewer than two clusters that have answers: one question tells nothing about others.
 */
export function clusteredInterval(clusters: readonly ClusterCount[]): Interval | null {
  const answered = clusters.filter(({ answers }) => answers > 0);
  if (answered.length < 2) return null;
  const { successes, answers } = totalOf(answered);
  const byModel = betaBinomialInterval(answered);
  const size =
    successes === 0 || successes === answers
      ? answers
      : Math.min(
          answers,
          effectiveSize(answered.map((count) => ({ sum: count.successes, count: count.answers }))),
        );
  const byScatter = scoreInterval(successes / answers, size, studentQuantile(0.975, answered.length - 1));
  return { low: Math.min(byModel.low, byScatter.low), high: Math.max(byModel.high, byScatter.high) };
}

/** A share with its {@link clusteredInterval}; nulls when nothing was counted. */
export function clusteredProportion(clusters: readonly ClusterCount[]): Proportion {
  const { successes, answers } = totalOf(clusters);
  return {
    numerator: successes,
    denominator: answers,
    rate: answers === 0 ? null : successes / answers,
    interval: clusteredInterval(clusters),
  };
}
