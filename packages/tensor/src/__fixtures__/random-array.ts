import { contiguousData, type HostArray, hostArray } from '../host-array.ts';

/** Uniform numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A float32 array of uniform numbers in [low, high). */
export function randomArray(shape: readonly number[], seed: number, low = -1, high = 1): HostArray {
  const next = randomNumbers(seed);
  const size = shape.reduce((product, extent) => product * extent, 1);
  return hostArray(
    Float32Array.from({ length: size }, () => low + (high - low) * next()),
    shape,
  );
}

/** An int64 array of uniform indices below `limit`. */
export function randomIndices(shape: readonly number[], seed: number, limit: number): HostArray {
  const next = randomNumbers(seed);
  const size = shape.reduce((product, extent) => product * extent, 1);
  return hostArray(
    BigInt64Array.from({ length: size }, () => BigInt(Math.floor(next() * limit))),
    shape,
  );
}

/** A float32 array of given numbers. */
export function arrayOf(shape: readonly number[], ...values: readonly number[]): HostArray {
  return hostArray(Float32Array.from(values), shape);
}

/** An int64 array of given numbers. */
export function indicesOf(shape: readonly number[], ...values: readonly number[]): HostArray {
  return hostArray(BigInt64Array.from(values, BigInt), shape);
}

/** The elements as plain numbers (bigints and bools too), in row-major order. */
export function numbersOf(array: HostArray): number[] {
  return Array.from(contiguousData(array) as Float32Array, Number);
}
