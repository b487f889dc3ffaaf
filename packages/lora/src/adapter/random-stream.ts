import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** Random numbers that are the same on every machine. */
export interface RandomStream {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Normal, of mean 0 and variance 1. */
  normal(): number;
  /** A whole number, uniform over all of int32. */
  integer(): number;
}

/**
 * A stream of its own for each seed and label. The state is a digest: the generator's own seeding gives neighbouring small
 * seeds related streams.
 *
 * @throws RangeError when the seed is not a safe integer.
 */
export function randomStream(seed: number, label: unknown): RandomStream {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed is ${seed}; it must be an integer`);
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, label]))
    .digest();
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)));
  let spare: number | undefined;
  const uniform = () => uniformFloat64(generator);
  return {
    uniform,
    integer: () => generator.next(),
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      // Box and Muller 1958; 1 - u is never 0.
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}
