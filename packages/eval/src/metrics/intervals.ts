import { InvalidOptionError } from '../errors.ts';

/** Ends of an interval, both included. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A share with what it was counted from. Nothing counted (denominator 0) gives nulls, never a zero. */
export interface Proportion {
  readonly numerator: number;
  readonly denominator: number;
  /** numerator / denominator, 0 .. 1. */
  readonly rate: number | null;
  /**
   * 95 %. Over base questions where there are at least two of them (see `clusteredInterval`); for a single one over its answers
   * (Wilson's).
   */
  readonly interval: Interval | null;
}

/** The standard normal quantile of 0.975. */
const normalQuantile = 1.959963984540054;

/**
 * Wilson's score interval of a share, 95 %: for k of n, p = k/n,
 * (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n). It treats answers as independent; for answers that cluster by
 * question see `clusteredInterval`.
 *
 * Source: E. B. Wilson, JASA 22 (1927) 209-212.
 *
 * @throws {InvalidOptionError} unless 0 <= successes <= total and total > 0, both integers.
 */
export function wilsonInterval(successes: number, total: number): Interval {
  if (
    !Number.isSafeInteger(total) ||
    total < 1 ||
    !Number.isSafeInteger(successes) ||
    successes < 0 ||
    successes > total
  )
    throw new InvalidOptionError('successes', `${successes} of ${total} is not a share`);
  return scoreInterval(successes / total, total, normalQuantile);
}

/** Wilson's interval for a share of `total` observations, which may be a fraction, and any quantile. */
export function scoreInterval(share: number, total: number, quantile: number): Interval {
  const squared = quantile ** 2;
  const scale = 1 + squared / total;
  const centre = (share + squared / (2 * total)) / scale;
  const half = (quantile / scale) * Math.sqrt((share * (1 - share)) / total + squared / (4 * total ** 2));
  // At the ends the formula is exact and its rounding is not.
  return {
    low: share === 0 ? 0 : Math.max(0, centre - half),
    high: share === 1 ? 1 : Math.min(1, centre + half),
  };
}

/** A share of independent answers with its Wilson interval; nulls when nothing was counted. */
export function proportion(numerator: number, denominator: number): Proportion {
  if (denominator === 0) return { numerator, denominator, rate: null, interval: null };
  return {
    numerator,
    denominator,
    rate: numerator / denominator,
    interval: wilsonInterval(numerator, denominator),
  };
}
