/** Weights that a formula gives, so that a model of any family need not be committed: those of formula_weights.py. */
import { crc32 } from 'node:zlib';

/** Numbers of [-1, 1), each hashed from a name and its own index. */
export function noise(name: string, count: number): Float32Array {
  const seed = crc32(name);
  return Float32Array.from(
    { length: count },
    (_, index) => mixed((Math.imul(index, 0x9e3779b1) + seed) >>> 0) / 2 ** 31 - 1,
  );
}

/** The finalizer of MurmurHash3. */
function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** How the weights of one model differ from those of another. */
export interface FormulaModel {
  readonly salt: string;
  /** What the weights of normalisations lie around. */
  readonly normsAround: number;
}

/** The values of a tensor of a model, row-major; rounded as PyTorch rounds, to float32 all along. */
export function formulaWeight(
  name: string,
  shape: readonly number[],
  { salt, normsAround }: FormulaModel,
): Float32Array {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const scale = Math.fround(shape.length === 2 ? 1.7 / Math.sqrt(shape[1]!) : 0.4);
  const isNorm = name.endsWith('norm.weight');
  return noise(name + salt, count).map((value) => {
    const scaled = Math.fround(value * scale);
    return isNorm ? Math.fround(1 + scaled) + (normsAround - 1) : scaled;
  });
}
