/** Ways to make a 95 % interval of a rate, of which `clusteredInterval` was found to be the best. */
import { betaBinomialLikelihood } from '../../packages/eval/src/metrics/beta-binomial.ts';
import { type ClusterCount, totalOf } from '../../packages/eval/src/metrics/cluster-count.ts';
import { betaQuantile, shareOf, studentQuantile } from '../../packages/eval/src/metrics/distributions.ts';
import { type Interval, scoreInterval, wilsonInterval } from '../../packages/eval/src/metrics/intervals.ts';
import { crossing, peak } from '../../packages/eval/src/metrics/line-search.ts';
import type { Random } from '../random.ts';

type Clusters = readonly ClusterCount[];

const normalQuantile = 1.959963984540054;
const resamples = 400;

const logitOf = (share: number) => Math.log(share / (1 - share));
const rateOf = (clusters: Clusters) => totalOf(clusters).successes / totalOf(clusters).answers;
const student = (clusters: Clusters) => studentQuantile(0.975, clusters.length - 1);

/** Wilson's interval over answers, as if each were a question of its own. */
export const overAnswers = (clusters: Clusters): Interval =>
  wilsonInterval(totalOf(clusters).successes, totalOf(clusters).answers);

/** The percentile bootstrap over clusters. */
export function percentileBootstrap(clusters: Clusters, random: Random): Interval {
  const rates = Array.from({ length: resamples }, () => rateOf(clusters.map(() => random.pick(clusters))));
  rates.sort((a, b) => a - b);
  return {
    low: rates[Math.round(0.025 * (resamples - 1))]!,
    high: rates[Math.round(0.975 * (resamples - 1))]!,
  };
}

/** The bootstrap-t over clusters on the logit; where nothing varies, Wilson's over clusters. */
export function bootstrapT(clusters: Clusters, random: Random): Interval {
  const rate = rateOf(clusters);
  const error = logitError(clusters);
  if (!(error > 0 && error < Number.POSITIVE_INFINITY))
    return scoreInterval(rate, clusters.length, normalQuantile);
  const ratios = Array.from({ length: resamples }, () => {
    const sample = clusters.map(() => random.pick(clusters));
    const sampleRate = rateOf(sample);
    const ratio = (logitOf(sampleRate) - logitOf(rate)) / logitError(sample);
    // A sample that does not vary is as far off as can be, unless it has the same rate.
    if (!Number.isNaN(ratio)) return ratio;
    return sampleRate === rate ? 0 : Math.sign(sampleRate - rate) * Number.POSITIVE_INFINITY;
  });
  ratios.sort((a, b) => a - b);
  const low = ratios[Math.round(0.975 * (resamples - 1))]!;
  const high = ratios[Math.round(0.025 * (resamples - 1))]!;
  return { low: shareOf(logitOf(rate) - low * error), high: shareOf(logitOf(rate) - high * error) };
}

/** Student's t on the logit with k - 1 degrees of freedom; where nothing varies, Wilson's over clusters. */
export function studentOnLogit(clusters: Clusters): Interval {
  const rate = rateOf(clusters);
  const half = student(clusters) * logitError(clusters);
  if (!(half < Number.POSITIVE_INFINITY)) return scoreInterval(rate, clusters.length, student(clusters));
  return { low: shareOf(logitOf(rate) - half), high: shareOf(logitOf(rate) + half) };
}

/** Wilson's interval on the effective sample size, with Student's quantile. */
export const effectiveWilson = (clusters: Clusters): Interval =>
  scoreInterval(rateOf(clusters), effectiveSize(clusters), student(clusters));

/** Clopper and Pearson's on the effective sample size, less for the degrees of freedom (Korn and Graubard, 1998). */
export function kornGraubard(clusters: Clusters): Interval {
  const size = effectiveSize(clusters) * (normalQuantile / student(clusters)) ** 2;
  const count = rateOf(clusters) * size;
  return {
    low: count === 0 ? 0 : betaQuantile(0.025, count, size - count + 1),
    high: count >= size ? 1 : betaQuantile(0.975, count + 1, size - count),
  };
}

/** The profile likelihood of the beta-binomial distribution without any term added, for a quantile. */
function profileLikelihood(clusters: Clusters, quantile: number): Interval {
  const likelihood = betaBinomialLikelihood(clusters);
  const profile = (logit: number) =>
    peak((place) => likelihood(shareOf(logit), shareOf(place)), -12, 8, 1e-2).value;
  const rate = rateOf(clusters);
  const best =
    rate === 0 || rate === 1
      ? { place: rate === 0 ? -24 : 24, value: profile(rate === 0 ? -24 : 24) }
      : peak(profile, logitOf(rate) - 4, logitOf(rate) + 4, 1e-3);
  const end = (below: number) =>
    shareOf(crossing((logit) => profile(logit) - best.value + quantile ** 2 / 2, best.place, below, 1e-4));
  return { low: rate === 0 ? 0 : end(-24), high: rate === 1 ? 1 : end(24) };
}

/** The same with the normal quantile. */
export const plainProfile = (clusters: Clusters): Interval => profileLikelihood(clusters, normalQuantile);

/** The same with Student's quantile for k - 1 degrees of freedom. */
export const studentProfile = (clusters: Clusters): Interval =>
  profileLikelihood(clusters, student(clusters));

/** The variance of the rate by how clusters scatter around it. */
function variance(clusters: Clusters): number {
  const rate = rateOf(clusters);
  const scatter = clusters.reduce(
    (sum, { successes, answers }) => sum + (successes - rate * answers) ** 2,
    0,
  );
  return ((clusters.length / (clusters.length - 1)) * scatter) / totalOf(clusters).answers ** 2;
}

function logitError(clusters: Clusters): number {
  const rate = rateOf(clusters);
  return Math.sqrt(variance(clusters)) / (rate * (1 - rate));
}

/** So many independent answers would scatter as much; where nothing varies, as many as there are clusters. */
function effectiveSize(clusters: Clusters): number {
  const rate = rateOf(clusters);
  const { answers } = totalOf(clusters);
  if (rate === 0 || rate === 1) return clusters.length;
  return Math.min(answers, (rate * (1 - rate)) / variance(clusters));
}
