import { InvalidOptionError } from '../errors.ts';

/**
 * Holm's adjusted p values, in the order given: at most a chance of alpha that any true null hypothesis has one of alpha or less,
 * however the tests depend on each other. For claims about each of many defenses.
 *
 * Source: S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
 *
 * @throws {InvalidOptionError} for a p value outside 0 .. 1.
 */
export function holm(pValues: readonly number[]): readonly number[] {
  const adjusted: number[] = [];
  let largest = 0;
  for (const [rank, index] of ascending(pValues).entries()) {
    largest = Math.max(largest, Math.min(1, pValues[index]! * (pValues.length - rank)));
    adjusted[index] = largest;
  }
  return adjusted;
}

/**
 * Benjamini and Hochberg's adjusted p values, in the order given: among the hypotheses rejected at alpha, at most a share of alpha
 * is expected to be true, for tests that are independent or positively dependent. For screening many defenses.
 *
 * Source: Y. Benjamini, Y. Hochberg, Journal of the Royal Statistical Society B 57 (1995) 289-300.
 *
 * @throws {InvalidOptionError} for a p value outside 0 .. 1.
 */
export function benjaminiHochberg(pValues: readonly number[]): readonly number[] {
  const adjusted: number[] = [];
  let smallest = 1;
  for (const [rank, index] of [...ascending(pValues).entries()].reverse()) {
    smallest = Math.min(smallest, (pValues[index]! * pValues.length) / (rank + 1));
    adjusted[index] = smallest;
  }
  return adjusted;
}

/** The places of the values, the smallest first. */
function ascending(pValues: readonly number[]): readonly number[] {
  const bad = pValues.find((value) => !(value >= 0 && value <= 1));
  if (bad !== undefined) throw new InvalidOptionError('pValues', `${bad} is not between 0 and 1`);
  return [...pValues.keys()].sort((a, b) => pValues[a]! - pValues[b]!);
}
