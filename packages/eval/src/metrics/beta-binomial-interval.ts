import { betaBinomialLikelihood } from './beta-binomial.ts';
import { type ClusterCount, totalOf } from './cluster-count.ts';
import { shareOf, studentQuantile } from './distributions.ts';
import type { Interval } from './intervals.ts';
import { crossing, peak } from './line-search.ts';

/** Ends of the search: the logits of rates and of correlations. */
const ends = { mean: 24, correlationLow: -12, correlationHigh: 8 };

/**
 * The 95 % interval of the mean rate by the profile likelihood of the beta-binomial distribution. It holds the mean rates mu that the
 * data do not contradict: those for which max_rho l(mu, rho) falls short of its maximum by no more than t^2 / 2, with l the
 * log-likelihood plus ln(1 - rho), and t the 0.975 quantile of Student's distribution with 2 (k - 1) degrees of freedom for k
 * clusters. The added term holds the correlation rho of two answers to one question away from 1 where the data say nothing about it;
 * it and the degrees of freedom were chosen by simulation (docs/evaluation-statistics.md).
 *
 * @param clusters at least two, each with answers.
 */
export function betaBinomialInterval(clusters: readonly ClusterCount[]): Interval {
  const { successes, answers } = totalOf(clusters);
  const likelihood = betaBinomialLikelihood(clusters);
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
  const lowest = best.value - studentQuantile(0.975, 2 * (clusters.length - 1)) ** 2 / 2;
  const end = (below: number) =>
    shareOf(crossing((logit) => profile(logit) - lowest, best.place, below, 1e-6));
  return {
    low: successes === 0 ? 0 : end(-ends.mean),
    high: successes === answers ? 1 : end(ends.mean),
  };
}
