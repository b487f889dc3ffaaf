import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Uniform numbers from 0 to 1 that are a pure function of the seed (xoroshiro128+). */
export function seededDraws(seed: number): () => number {
  const generator = xoroshiro128plus(
    scramble(seed % 2 ** 32) ^ scramble(Math.floor(seed / 2 ** 32) + 0x9e3779b9),
  );
  // Its state starts out nearly empty: the first numbers of any two seeds would be alike.
  for (let index = 0; index < 8; index++) uniformFloat64(generator);
  return () => uniformFloat64(generator);
}

/** The 32-bit finaliser of MurmurHash3 (Appleby, public domain). */
function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
