import { betaBinomialLikelihood } from './beta-binomial.ts';
import { studentQuantile } from './distributions.ts';
import type { Interval, Proportion } from './intervals.ts';
import { crossing, peak } from './line-search.ts';

/** The answers of one cluster (a base question in all its forms): how many there are, and how many of them count. */
export interface ClusterCount {
  readonly successes: number;
  readonly answers: number;
}

/** Ends of the search: the logits of rates and of correlations. */
const ends = { mean: 24, correlationLow: -12, correlationHigh: 8 };

/**
 * The 95 % interval of a rate over clusters: of the mean rate of all the base questions that those asked may stand for. Answers to
 * one base question resemble each other, so that many answers to few questions tell little about others.
 *
 * The rates of base questions are taken to have a beta distribution (the counts a beta-binomial one). The interval holds the mean
 * rates mu that the data do not contradict: those for which max_rho l(mu, rho) falls short of its maximum by no more than t^2 / 2,
 * with t the 0.975 quantile of Student's distribution with one degree of freedom less than there are clusters, and l the
 * log-likelihood plus 2 ln(1 - rho), which holds the correlation rho of two answers to one question away from 1 where the data say
 * nothing about it. How often it holds the truth, beside other methods: docs/evaluation-statistics.md.
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
      (place) => likelihood(shareOf(logit), shareOf(place)) + 2 * Math.log(shareOf(-place)),
      ends.correlationLow,
      ends.correlationHigh,
      1e-3,
    ).value;
  const observed = Math.log(successes / (answers - successes));
  const best =
    Math.abs(observed) === Number.POSITIVE_INFINITY
      ? { place: Math.sign(observed) * ends.mean, value: profile(Math.sign(observed) * ends.mean) }
      : peak(profile, observed - 1.5, observed + 1.5, 1e-3);
  const lowest = best.value - studentQuantile(0.975, answered.length - 1) ** 2 / 2;
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

/** The sum of counts. */
export function totalOf(clusters: readonly ClusterCount[]): ClusterCount {
  return {
    successes: clusters.reduce((sum, cluster) => sum + cluster.successes, 0),
    answers: clusters.reduce((sum, cluster) => sum + cluster.answers, 0),
  };
}

function shareOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
