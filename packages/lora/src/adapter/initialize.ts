import { createHash } from 'node:crypto';
import { contiguousData } from '@safetune/tensor';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { LoraModule } from './module.ts';

/**
 * LoRA's start, as in PEFT: A from Kaiming's uniform distribution with a = sqrt(5), which is U(-1/sqrt(in), 1/sqrt(in))
 * (He et al. 2015, arXiv 1502.01852; gain sqrt(2 / (1 + 5)), fan-in `in`), and B zero. Written in place.
 *
 * Each module has a random stream of its own, made of the seed and its name: its values do not depend on which other
 * modules are adapted. The numbers differ from PyTorch's for the same seed; their distribution does not.
 *
 * @param seed - any integer.
 * @throws RangeError when the seed is not a safe integer.
 */
export function initializeFactors(modules: readonly LoraModule[], seed: number): void {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed is ${seed}; it must be an integer`);
  for (const { name, inFeatures, a, b } of modules) {
    const random = randomStream(seed, name);
    const bound = 1 / Math.sqrt(inFeatures);
    const values = contiguousData(a) as Float32Array;
    for (let position = 0; position < values.length; position++) {
      values[position] = (2 * uniformFloat64(random) - 1) * bound;
    }
    contiguousData(b).fill(0 as never);
  }
}

/** The state is a digest: the generator's own seeding gives neighbouring small seeds related streams. */
function randomStream(seed: number, label: string) {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, label]))
    .digest();
  return xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)));
}
