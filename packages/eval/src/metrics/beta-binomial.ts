import type { ClusterCount } from './cluster-count.ts';

/**
 * The log-likelihood of the beta-binomial distribution, up to a constant, as a function of the mean mu of the clusters' rates and of
 * the correlation rho of two answers of one cluster, 0 <= rho < 1 (rates of a beta distribution with
 * a + b = (1 - rho) / rho): the sum over clusters of
 *
 *     sum_{j < successes} ln(mu (1 - rho) + j rho) + sum_{j < failures} ln((1 - mu)(1 - rho) + j rho)
 *     - sum_{j < answers} ln(1 - rho + j rho)
 *
 * Source: J. G. Skellam, Journal of the Royal Statistical Society B 10 (1948) 257-261.
 */
export function betaBinomialLikelihood(
  clusters: readonly ClusterCount[],
): (mean: number, correlation: number) => number {
  const successes = exceeding(clusters.map((cluster) => cluster.successes));
  const failures = exceeding(clusters.map((cluster) => cluster.answers - cluster.successes));
  const answers = exceeding(clusters.map((cluster) => cluster.answers));
  return (mean, correlation) => {
    const alone = 1 - correlation;
    return (
      risingLogarithm(successes, mean * alone, correlation) +
      risingLogarithm(failures, (1 - mean) * alone, correlation) -
      risingLogarithm(answers, alone, correlation)
    );
  };
}

/** For j = 0, 1, .. how many of the counts are above j: terms that clusters share are computed once. */
function exceeding(counts: readonly number[]): Float64Array {
  const numbers = new Float64Array(Math.max(0, ...counts));
  for (const count of counts) for (let j = 0; j < count; j += 1) numbers[j] = numbers[j]! + 1;
  return numbers;
}

/** The sum of weight x ln(start + j step). Up to sixteen factors of one weight share a logarithm, which is what takes time. */
function risingLogarithm(weights: Float64Array, start: number, step: number): number {
  let sum = 0;
  let product = 1;
  for (let j = 0; j < weights.length; j += 1) {
    product *= start + j * step;
    if (j % 16 === 15 || weights[j + 1] !== weights[j]) {
      sum += weights[j]! * Math.log(product);
      product = 1;
    }
  }
  return sum;
}
