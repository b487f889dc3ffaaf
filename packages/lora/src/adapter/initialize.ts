import { contiguousData, type HostArray, hostArray, thinQr } from '@safetune/tensor';
import type { Initialization } from '../config/initialization.ts';
import { LoraConfigError } from '../errors.ts';
import type { EmbeddingModule, Factors, LoraModule } from './module.ts';
import { type RandomStream, randomStream } from './random-stream.ts';

/**
 * LoRA's start, as in PEFT, written in place; by default A from Kaiming's uniform distribution with a = sqrt(5), which is
 * U(-1/sqrt(in), 1/sqrt(in)) (He et al. 2015, arXiv 1502.01852; gain sqrt(2 / (1 + 5)), fan-in `in`), and B zero.
 *
 * Each module has a random stream of its own, made of the seed and its name: its values do not depend on which other
 * modules are adapted. The numbers differ from PyTorch's for the same seed; their distribution does not.
 *
 * @param seed - any integer.
 * @param initialization - one that does not start from the weights.
 * @throws RangeError when the seed is not a safe integer; LoraConfigError for an odd rank with 'orthogonal'.
 */
export function initializeFactors(
  modules: readonly LoraModule[],
  seed: number,
  initialization: Initialization = { kind: 'default' },
): void {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed is ${seed}; it must be an integer`);
  for (const module of modules) {
    const random = randomStream(seed, module.name);
    const { a, b, inFeatures, rank } = module;
    switch (initialization.kind) {
      case 'gaussian':
        fillNormal(a, random, 1 / rank);
        contiguousData(b).fill(0 as never);
        break;
      case 'orthogonal':
        fillOrthogonal(module, random);
        break;
      default:
        fillUniform(a, random, 1 / Math.sqrt(inFeatures));
        if (initialization.kind === 'random') fillUniform(b, random, 1 / Math.sqrt(rank));
        else contiguousData(b).fill(0 as never);
    }
  }
}

/** An embedding's start, as in PEFT: A zero and B normal; with `init_lora_weights: false` both normal. */
export function initializeEmbeddings(
  embeddings: readonly EmbeddingModule[],
  seed: number,
  { kind }: Initialization,
): void {
  for (const { name, a, b } of embeddings) {
    const random = randomStream(seed, name);
    fillNormal(b, random, 1);
    if (kind === 'random') fillNormal(a, random, 1);
    else contiguousData(a).fill(0 as never);
  }
}

function fillUniform(array: HostArray, random: RandomStream, bound: number): void {
  const values = contiguousData(array) as Float32Array;
  for (let at = 0; at < values.length; at++) values[at] = (2 * random.uniform() - 1) * bound;
}

function fillNormal(array: HostArray, random: RandomStream, deviation: number): void {
  const values = contiguousData(array) as Float32Array;
  for (let at = 0; at < values.length; at++) values[at] = random.normal() * deviation;
}

/**
 * PEFT's 'orthogonal': with the odd and the even rows of a random orthogonal matrix Q [rank, rank] and normal X and Y,
 * A = (X Q_odd)^T / 10 and B = Y Q_even / 10, so that B A = 0.
 */
function fillOrthogonal(
  { name, rank, a, b, inFeatures, outFeatures }: LoraModule,
  random: RandomStream,
): void {
  if (rank % 2 !== 0) {
    throw new LoraConfigError('init_lora_weights', `'orthogonal' needs an even rank, '${name}' has ${rank}`);
  }
  const half = rank / 2;
  const normal = (count: number) => Float64Array.from({ length: count }, () => random.normal());
  const q = contiguousData(thinQr(hostArray(normal(rank * rank), [rank, rank])).q) as Float64Array;
  const mix = (row: Float64Array, offset: number, column: number, parity: number) => {
    let sum = 0;
    for (let at = 0; at < half; at++) sum += row[offset + at]! * q[(2 * at + parity) * rank + column]!;
    return sum / 10;
  };
  const x = normal(inFeatures * half);
  const y = normal(outFeatures * half);
  const [ofA, ofB] = [contiguousData(a) as Float32Array, contiguousData(b) as Float32Array];
  for (let inner = 0; inner < rank; inner++) {
    for (let at = 0; at < inFeatures; at++) ofA[inner * inFeatures + at] = mix(x, at * half, inner, 0);
    for (let at = 0; at < outFeatures; at++) ofB[at * rank + inner] = mix(y, at * half, inner, 1);
  }
}

/** Copies values into a module's factors. */
export function setFactors({ a, b }: Factors, values: Factors): void {
  (contiguousData(a) as Float32Array).set(contiguousData(values.a) as Float32Array);
  (contiguousData(b) as Float32Array).set(contiguousData(values.b) as Float32Array);
}
