import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { requireInteger } from './options.ts';

/** Draws whole numbers from `from` to `to`, both included, each equally likely. */
type DrawInteger = (from: number, to: number) => number;

/**
 * A sequence of draws that is a pure function of `seed` and of the further numbers that name its purpose (an epoch, say):
 * different keys give unrelated sequences.
 *
 * @throws {@link DatasetOptionError} when the seed is not a whole number >= 0.
 */
export function seededDraws(seed: number, ...key: readonly number[]): DrawInteger {
  requireInteger('seed', seed, 0);
  const generator = xoroshiro128plus(
    [seed % 2 ** 32, Math.floor(seed / 2 ** 32), ...key].reduce(mix, 0x9e3779b9),
  );
  return (from, to) => uniformInt(generator, from, to);
}

// Neighbouring seeds must not give neighbouring generators: the 32-bit finaliser of MurmurHash3 (Appleby, public domain).
function mix(state: number, value: number): number {
  let mixed = Math.imul(state ^ value, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** A copy of `items` in an order that is a pure function of the draws (Fisher and Yates). */
export function permute<T>(items: readonly T[], draw: DrawInteger): T[] {
  const permuted = [...items];
  for (let last = permuted.length - 1; last > 0; last -= 1) {
    const chosen = draw(0, last);
    [permuted[last], permuted[chosen]] = [permuted[chosen] as T, permuted[last] as T];
  }
  return permuted;
}
