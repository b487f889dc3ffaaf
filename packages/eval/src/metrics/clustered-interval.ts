import { betaBinomialLikelihood } from './beta-binomial.ts';
import { type ClusterCount, totalOf } from './cluster-count.ts';
import { shareOf, studentQuantile } from './distributions.ts';
import type { Interval, Proportion } from './intervals.ts';
import { crossing, peak } from './line-search.ts';

/** Ends of the search: the logits of rates and of correlations. */
const ends = { mean: 24, correlationLow: -12, correlationHigh: 8 };

/**
 * The 95 % interval of a rate over clusters: of the mean rate of all the base questions that those asked stand for. Answers to one
 * base question resemble each other, so that many answers to few questions tell little about others.
 *
 * The rates of base questions are taken to have a beta distribution (the counts a beta-binomial one). The interval holds the mean
 * rates mu that the data do not contradict: those for which max_rho l(mu, rho) falls short of its maximum by no more than t^2 / 2,
 * with l the log-likelihood plus ln(1 - rho), and t the 0.975 quantile of Student's distribution with 2 (k - 1) degrees of freedom
 * for k clusters. The added term holds the correlation rho of two answers to one question away from 1 where the data say nothing
 * about it; it and the degrees of freedom were chosen by simulation. How often this and other intervals hold the truth:
 * docs/evaluation-statistics.md.
 *
 * @returns null with fewer than two clusters that have answers: one question tells nothing about others.
 */
export function clusteredInterval(clusters: readonly ClusterCount[]): Interval | null {
  const answered = clusters.filter(({ answers }) => answers > 0);
  if (answered.length < 2) return null;
  const { successes, answers } = totalOf(answered);
  const likelihood = betaBinomialLikelihood(answered);
  const profile = (logit: number) =>
    peak(
      (place) => likelihood(shareOf(logit), shareOf(place)) + Math.log(shareOf(-place)),
      ends.correlationLow,
      ends.correlationHigh,
      1e-3,
    ).value;
  const observed = Math.log(successes / (answers - successes));
  const best =
    Math.abs(observed) === Number.POSITIVE_INFINITY
      ? { place: Math.sign(observed) * ends.mean, value: profile(Math.sign(observed) * ends.mean) }
      : peak(profile, observed - 4, observed + 4, 1e-3);
  const lowest = best.value - studentQuantile(0.975, 2 * (answered.length - 1)) ** 2 / 2;
  const end = (below: number) =>
    shareOf(crossing((logit) => profile(logit) - lowest, best.place, below, 1e-6));
  const rate = successes / answers;
  return {
    low: successes === 0 ? 0 : Math.min(rate, end(-ends.mean)),
    high: successes === answers ? 1 : Math.max(rate, end(ends.mean)),
  };
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
