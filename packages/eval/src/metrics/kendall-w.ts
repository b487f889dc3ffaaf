import { InvalidOptionError } from '../errors.ts';
import { midRanks } from './mid-ranks.ts';

/**
 * Kendall's coefficient of concordance: how far several observers put the same items in the same order. 1: all in one order;
 * 1 / m is what m observers who rank by chance come to on average. The mean of Spearman's rank correlation over all pairs of observers
 * is (m W - 1) / (m - 1).
 *
 *     W = 12 S / (m^2 (n^3 - n) - m T)
 *
 * S is the sum of squared deviations of the n items' rank sums from their mean, T the sum of t^3 - t over the groups of t equal values of
 * every observer. Friedman's statistic is m (n - 1) W.
 *
 * Source: M. Kendall, B. Babington Smith, Annals of Mathematical Statistics 10 (1939) 275-287; ties: M. Kendall, Rank Correlation Methods
 * (1948), chapter 6.
 *
 * @param values of each observer (a judge, a model that was grown): one for every item, the items in one order.
 * @returns null with fewer than two observers or two items, or where no observer tells any items apart.
 * @throws {InvalidOptionError} when observers have values for different numbers of items, or one is not finite.
 */
export function kendallW(values: readonly (readonly number[])[]): number | null {
  const [observers, items] = [values.length, values[0]?.length ?? 0];
  if (values.some((row) => row.length !== items))
    throw new InvalidOptionError('values', 'every observer must have a value for every item');
  const wrong = values.flat().find((value) => !Number.isFinite(value));
  if (wrong !== undefined) throw new InvalidOptionError('values', `${wrong} cannot be ranked`);
  if (observers < 2 || items < 2) return null;
  const ranks = values.map(midRanks);
  // Mid-ranks sum to n^2 / 2.
  const mean = (observers * items) / 2;
  let scatter = 0;
  for (let item = 0; item < items; item++)
    scatter += (ranks.reduce((sum, row) => sum + row[item]!, 0) - mean) ** 2;
  const most = observers ** 2 * (items ** 3 - items) - observers * sumOf(values.map(tiesOf));
  return most === 0 ? null : (12 * scatter) / most;
}

/** Sum of t^3 - t over groups of t equal values. */
function tiesOf(values: readonly number[]): number {
  const groups = Map.groupBy(values, (value) => value).values();
  return sumOf([...groups].map(({ length }) => length ** 3 - length));
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
