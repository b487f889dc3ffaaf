import type { Interval } from './intervals.ts';

/** A rate, and how far below and above it its interval reaches. */
export interface Reach {
  readonly rate: number;
  readonly below: number;
  readonly above: number;
}

/**
 * The interval of second - first, from those of two rates and the correlation r of their errors: from the least to the largest
 * difference of the pairs of rates in an ellipse z1^2 - 2 r z1 z2 + z2^2 <= 1 - r^2, in which each error z is measured by how far
 * the rate's interval reaches on its side. Without correlation this is the method MOVER: G. Y. Zou, A. Donner, Statistics in
 * Medicine 27 (2008) 1693-1702.
 *
 * @param correlation -1 .. 1.
 */
export function differenceInterval(first: Reach, second: Reach, correlation: number): Interval {
  const difference = second.rate - first.rate;
  return {
    low: Math.max(-1, difference - furthest(first, second, correlation)),
    high: Math.min(1, difference + furthest(second, first, correlation)),
  };
}

/** The largest error of `one` less that of `other` in the ellipse, a quarter after the other. */
function furthest(one: Reach, other: Reach, correlation: number): number {
  const alone = Math.sqrt(1 - correlation ** 2);
  const inQuarters = (
    [
      [one.above, other.below, 1, -1],
      [one.above, other.above, 1, 1],
      [one.below, other.below, -1, -1],
    ] as const
  ).flatMap(([a, b, signOfOne, signOfOther]) => {
    // Where the whole ellipse with these half axes has its extreme; it counts if that is in this quarter.
    const isInside =
      Math.sign(a - correlation * b) === signOfOne && Math.sign(correlation * a - b) === signOfOther;
    return isInside ? [Math.sqrt(Math.max(0, a * a - 2 * correlation * a * b + b * b))] : [];
  });
  return Math.max(one.above * alone, other.below * alone, ...inQuarters);
}
