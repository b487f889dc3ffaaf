import { InvalidOptionError } from '../errors.ts';
import { midRanks } from './mid-ranks.ts';

/** How far apart two ratings are: 'nominal' same or not; 'ordinal' by ranks; 'interval' by squared difference. */
export type MeasurementLevel = 'nominal' | 'ordinal' | 'interval';

/** One observer's rating of one unit; null where there is none. Words are for the nominal level only. */
export type Rating = number | string | null;

/** Agreement among observers, and what it was computed from. */
export interface Agreement {
  /** 1: always the same; 0: as chance would have it; below 0: worse. null when there is nothing to compare or all is the same. */
  readonly alpha: number | null;
  /** Units with at least two ratings. */
  readonly units: number;
  /** Ratings of these units. */
  readonly ratings: number;
}

/**
 * Krippendorff's alpha = 1 - observed / expected disagreement, for any number of observers (judges, people) and with missing
 * ratings. Units with fewer than two ratings do not count.
 *
 * Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011). The ordinal difference, there a sum over the ranks
 * between two values, is the difference of their mid-ranks.
 *
 * @param units the ratings of each unit, an observer each.
 * @throws {InvalidOptionError} for words or numbers that are not finite at the ordinal and interval levels.
 */
export function krippendorffAlpha(
  units: readonly (readonly Rating[])[],
  { level = 'interval' }: { readonly level?: MeasurementLevel } = {},
): Agreement {
  const paired = units
    .map((ratings) => ratings.filter((rating) => rating !== null))
    .filter((ratings) => ratings.length > 1);
  const all = paired.flat();
  const [within, overall] = disagreements(paired, all, level);
  const observed = within.reduce((sum, pairs, unit) => sum + pairs / (paired[unit]!.length - 1), 0);
  const expected = overall / (all.length - 1);
  return {
    alpha: all.length === 0 || overall === 0 ? null : 1 - observed / expected,
    units: paired.length,
    ratings: all.length,
  };
}

/** The differences summed over the ordered pairs of ratings: of each unit, and of all together. */
function disagreements(
  paired: readonly (readonly (number | string)[])[],
  all: readonly (number | string)[],
  level: MeasurementLevel,
): [readonly number[], number] {
  if (level === 'nominal') return [paired.map(unequalPairs), unequalPairs(all)];
  const values = all.map((value) => {
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new InvalidOptionError(
        'units',
        `a rating is '${value}'; the level '${level}' needs finite numbers`,
      );
    return value;
  });
  const numbers = level === 'ordinal' ? midRanks(values) : values;
  let next = 0;
  const perUnit = paired.map(({ length }) => {
    next += length;
    return squaredDifferences(numbers.slice(next - length, next));
  });
  return [perUnit, squaredDifferences(numbers)];
}

function unequalPairs(values: readonly (number | string)[]): number {
  const counts = [...Map.groupBy(values, (value) => value).values()].map(({ length }) => length);
  return counts.reduce((pairs, count) => pairs + count * (values.length - count), 0);
}

/** Sum of (a - b)^2 over the ordered pairs, by 2 n sum (a - mean)^2. */
function squaredDifferences(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  // Equal values differ by exactly nothing, whatever the rounding of their mean.
  if (values.every((value) => value === values[0])) return 0;
  return 2 * values.length * values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}
