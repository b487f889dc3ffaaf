import { DatasetOptionError } from '../errors.ts';
import { seededDraws } from '../random.ts';

/** A share as a ratio of whole numbers, so that spreading it never drifts. */
export interface Ratio {
  readonly part: number;
  readonly whole: number;
}

const largestWhole = 1_000_000;

/**
 * The simplest ratio that is the number to twelve digits, by continued fractions: 0.05 becomes 1/20, 0.3333333333333333
 * becomes 1/3. A number without such a ratio becomes the nearest one with a denominator of at most a million.
 *
 * @throws {@link DatasetOptionError} when the share is not a number from 0 to 1.
 */
export function toRatio(share: number): Ratio {
  if (!(share >= 0 && share <= 1)) throw new DatasetOptionError('share', share, 'a number from 0 to 1');
  let previous: Ratio = { part: 1, whole: 0 };
  let current: Ratio = { part: Math.floor(share), whole: 1 };
  let rest = share - current.part;
  while (Math.abs(share - current.part / current.whole) > 1e-12 * share) {
    const digit = Math.floor(1 / rest);
    const next = {
      part: digit * current.part + previous.part,
      whole: digit * current.whole + previous.whole,
    };
    if (next.whole > largestWhole) break;
    rest = 1 / rest - digit;
    [previous, current] = [current, next];
  }
  // Rounding must not turn a few into none, or nearly all into all.
  if ((share > 0 && current.part === 0) || (share < 1 && current.part === current.whole)) {
    throw new DatasetOptionError('share', share, `0, 1, or at least ${1 / largestWhole} away from both`);
  }
  return current;
}

/**
 * Says slot by slot, for ever, whether the slot belongs to the part: Bresenham's line with a phase drawn from the seed.
 * Any `whole` consecutive slots hold exactly `part`, and any `n` hold n * part / whole, rounded down or up. The first slot
 * never belongs to the part (unless all do), so that a stream that ends with its period ends with an exact count.
 */
export function* spreadEvenly({ part, whole }: Ratio, seed: number): Generator<boolean, never, undefined> {
  const draw = seededDraws(seed);
  let accumulated = part >= whole ? 0 : draw(0, whole - part - 1);
  while (true) {
    accumulated += part;
    const belongs = accumulated >= whole;
    if (belongs) accumulated -= whole;
    yield belongs;
  }
}
