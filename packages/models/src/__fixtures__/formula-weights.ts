import { crc32 } from 'node:zlib';
import { type HostArray, hostArray } from '@safetune/tensor';

/** Numbers of [-1, 1), each hashed from a name and its own index: those of conformance/formula_weights.py. */
export function noise(name: string, shape: readonly number[]): HostArray {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const seed = crc32(name);
  const values = Float32Array.from(
    { length: count },
    (_, index) => mixed((Math.imul(index, 0x9e3779b1) + seed) >>> 0) / 2 ** 31 - 1,
  );
  return hostArray(values, shape);
}

/** The finalizer of MurmurHash3. */
function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A tensor of a model whose weights a formula gives. */
export function formulaWeight(
  name: string,
  shape: readonly number[],
  { salt, normsAround }: { readonly salt: string; readonly normsAround: number },
): HostArray {
  const values = noise(name + salt, shape);
  const data = values.data as Float32Array;
  // Rounded as PyTorch rounds: float32 all along.
  const scale = Math.fround(shape.length === 2 ? Math.fround(1.7 / Math.sqrt(shape[1]!)) : 0.4);
  const isNorm = name.endsWith('norm.weight');
  return hostArray(
    data.map((value) => {
      const scaled = Math.fround(value * scale);
      return isNorm ? Math.fround(1 + scaled) + (normsAround - 1) : scaled;
    }),
    shape,
  );
}
