/** The answers of one cluster (a base question in all its forms): how many there are, and how many of them count. */
export interface ClusterCount {
  readonly successes: number;
  readonly answers: number;
}

/** The sum of counts. */
export function totalOf(clusters: readonly ClusterCount[]): ClusterCount {
  return {
    successes: clusters.reduce((sum, cluster) => sum + cluster.successes, 0),
    answers: clusters.reduce((sum, cluster) => sum + cluster.answers, 0),
  };
}
