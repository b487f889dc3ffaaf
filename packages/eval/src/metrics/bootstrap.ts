import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { InvalidOptionError } from '../errors.ts';
import type { Interval } from './intervals.ts';

/** What {@link bootstrapInterval} may be told. */
export interface BootstrapOptions {
  /** Seed of the resampling; default 0. */
  readonly seed?: number;
  /** Number of resamples; default 2000. */
  readonly resamples?: number;
  /** Share of the resamples inside the interval; default 0.95. */
  readonly level?: number;
}

/**
 * The percentile bootstrap over clusters: draws as many clusters as there are, with replacement, computes the statistic,
 * and takes the percentiles of many such draws. Give one cluster per question, since answers to one question resemble
 * each other and an interval over single answers would be too narrow.
 *
 * @param statistic of one resample; null (nothing to compute it from) leaves the resample out.
 * @returns null with fewer than two clusters, or when the statistic exists for no resample. The same seed gives the same
 *   interval.
 */
export function bootstrapInterval<Cluster>(
  clusters: readonly Cluster[],
  statistic: (sample: readonly Cluster[]) => number | null,
  { seed = 0, resamples = 2000, level = 0.95 }: BootstrapOptions = {},
): Interval | null {
  if (!Number.isSafeInteger(resamples) || resamples < 1)
    throw new InvalidOptionError('resamples', `must be a positive integer, not ${resamples}`);
  if (!(level > 0 && level < 1))
    throw new InvalidOptionError('level', `must lie between 0 and 1, not ${level}`);
  if (clusters.length < 2) return null;
  const generator = xoroshiro128plus(seed);
  const last = clusters.length - 1;
  const values: number[] = [];
  for (let resample = 0; resample < resamples; resample += 1) {
    const value = statistic(clusters.map(() => clusters[uniformInt(generator, 0, last)]!));
    if (value !== null) values.push(value);
  }
  if (values.length === 0) return null;
  values.sort((a, b) => a - b);
  return { low: quantile(values, (1 - level) / 2), high: quantile(values, (1 + level) / 2) };
}

/** The quantile of sorted values, linear between neighbours. */
function quantile(sorted: readonly number[], share: number): number {
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}
