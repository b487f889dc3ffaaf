import { contiguousData, type HostArray, hostArray, svd, thinQr } from '@safetune/tensor';
import type { Initialization } from '../config/initialization.ts';
import type { Factors, LoraModule } from './module.ts';
import { randomStream } from './random-stream.ts';

/**
 * The part of a weight that factors start from, scale B A:
 *
 * - PiSSA (Meng et al. 2024, arXiv 2404.02948): its r largest singular values, B = U sqrt(S / scale), A = sqrt(S / scale) V^T;
 *   with `iterations` by Halko's randomised decomposition (as `torch.svd_lowrank`), which takes seconds where the exact one
 *   takes hours for large models;
 * - OLoRA (Büyükakyüz 2024, arXiv 2406.01775): the first r columns of Q and rows of R of its QR decomposition.
 *
 * They depend on the weight alone, no seed: whoever has the model has them.
 *
 * @param weight - float32 [out, in].
 */
export function principalFactors(
  weight: HostArray,
  { name, rank, scale, inFeatures, outFeatures }: LoraModule,
  initialization: Initialization,
): Factors {
  if (initialization.kind === 'olora') {
    const q = thinQr(weight.hi(outFeatures, rank)).q;
    return { a: narrowed(productOfTranspose(weight, q).transpose(1, 0)), b: narrowed(q) };
  }
  const iterations = initialization.kind === 'pissa' ? initialization.iterations : undefined;
  const { u, s, v } = iterations === undefined ? svd(weight) : randomizedSvd(weight, rank, iterations, name);
  const root = (index: number) => Math.sqrt(s[index]! / scale);
  const left = new Float32Array(outFeatures * rank);
  const right = new Float32Array(rank * inFeatures);
  for (let inner = 0; inner < rank; inner++) {
    for (let row = 0; row < outFeatures; row++)
      left[row * rank + inner] = Number(u.get(row, inner)) * root(inner);
    for (let column = 0; column < inFeatures; column++)
      right[inner * inFeatures + column] = Number(v.get(column, inner)) * root(inner);
  }
  return { a: hostArray(right, [rank, inFeatures]), b: hostArray(left, [outFeatures, rank]) };
}

function narrowed(array: HostArray): HostArray {
  return hostArray(Float32Array.from(contiguousData(array) as Float64Array), [...array.shape]);
}

/** Halko, Martinsson and Tropp 2011 (arXiv 0909.4061), algorithm 5.1 after 4.4, as torch has it. */
function randomizedSvd(
  weight: HostArray,
  rank: number,
  iterations: number,
  label: string,
): ReturnType<typeof svd> {
  const [, columns] = weight.shape as [number, number];
  const random = randomStream(0, ['pissa', label]);
  const start = hostArray(
    Float64Array.from({ length: columns * rank }, () => random.normal()),
    [columns, rank],
  );
  let basis = thinQr(product(weight, start)).q;
  for (let iteration = 0; iteration < iterations; iteration++) {
    basis = thinQr(productOfTranspose(weight, basis)).q;
    basis = thinQr(product(weight, basis)).q;
  }
  const small = svd(productOfTranspose(weight, basis));
  // W^T Q = v s u^T, so that W is about (Q u) s v^T.
  return { u: product(basis, small.v), s: small.s, v: small.u };
}

/** a b, float64 [rows of a, columns of b]. */
function product(a: HostArray, b: HostArray): HostArray {
  const [rows, inner] = a.shape as [number, number];
  const columns = b.shape[1]!;
  const [left, right] = [contiguousData(a) as Float64Array, contiguousData(b) as Float64Array];
  const result = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < inner; at++) {
      const factor = left[row * inner + at]!;
      for (let column = 0; column < columns; column++)
        result[row * columns + column]! += factor * right[at * columns + column]!;
    }
  }
  return hostArray(result, [rows, columns]);
}

/** a^T b, float64 [columns of a, columns of b]. */
function productOfTranspose(a: HostArray, b: HostArray): HostArray {
  const [rows, width] = a.shape as [number, number];
  const columns = b.shape[1]!;
  const [left, right] = [contiguousData(a) as Float64Array, contiguousData(b) as Float64Array];
  const result = new Float64Array(width * columns);
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < width; at++) {
      const factor = left[row * width + at]!;
      for (let column = 0; column < columns; column++)
        result[at * columns + column]! += factor * right[row * columns + column]!;
    }
  }
  return hostArray(result, [width, columns]);
}
