/** The sum of values between 0 and 1 in one cluster, and how many they are. */
export interface ClusterSum {
  readonly sum: number;
  readonly count: number;
}

/**
 * The effective sample size of a mean of values between 0 and 1: so many independent values would scatter as much as the clusters'
 * do. Infinite where all clusters have the same mean; not a number where that is 0 or 1.
 *
 * Source: E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998) 193-201.
 *
 * @param clusters at least two, none empty.
 */
export function effectiveSize(clusters: readonly ClusterSum[]): number {
  const total = clusters.reduce((sum, { count }) => sum + count, 0);
  const mean = clusters.reduce((sum, cluster) => sum + cluster.sum, 0) / total;
  const scatter = clusters.reduce((sum, cluster) => sum + (cluster.sum - mean * cluster.count) ** 2, 0);
  const variance = ((clusters.length / (clusters.length - 1)) * scatter) / total ** 2;
  return (mean * (1 - mean)) / variance;
}
