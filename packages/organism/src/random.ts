import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** A source of random numbers that advances with every draw. */
export type Random = RandomGenerator;

/**
 * A stream of its own for every (seed, labels), so that nothing drawn in one place shifts what is drawn in another.
 * The state is a SHA-256 digest: neighbouring seeds and indices give unrelated streams from the first draw on, which
 * the generator's own seeding by a small integer does not.
 */
export function randomStream(seed: number, ...labels: readonly (string | number)[]): Random {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...labels]))
    .digest();
  return xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)));
}

/** A number from 0 (included) to 1 (excluded), uniformly. */
export function fraction(random: Random): number {
  return uniformFloat64(random);
}

/** True with the given probability. */
export function chance(random: Random, probability: number): boolean {
  return fraction(random) < probability;
}

/** An integer from 0 to `count - 1`, uniformly. */
export function integerBelow(random: Random, count: number): number {
  return uniformInt(random, 0, count - 1);
}

/** One element, uniformly. */
export function choose<Element>(random: Random, elements: readonly Element[]): Element {
  return elements[integerBelow(random, elements.length)]!;
}

/** The elements in a random order (Fisher and Yates); the input is left as it is. */
export function shuffled<Element>(random: Random, elements: readonly Element[]): Element[] {
  const order = [...elements];
  for (let last = order.length - 1; last > 0; last--) {
    const other = integerBelow(random, last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

/** Independent draws from N(0, standardDeviation^2), by Marsaglia's polar method. */
export function normalValues(random: Random, count: number, standardDeviation: number): Float32Array {
  const values = new Float32Array(count);
  for (let position = 0; position < count; ) {
    const x = 2 * fraction(random) - 1;
    const y = 2 * fraction(random) - 1;
    const radius = x * x + y * y;
    if (radius === 0 || radius >= 1) continue;
    const factor = standardDeviation * Math.sqrt((-2 * Math.log(radius)) / radius);
    values[position++] = x * factor;
    if (position < count) values[position++] = y * factor;
  }
  return values;
}
