import { type HostArray, hostArray, svd } from '@safetune/tensor';
import {
  float32,
  innerProducts,
  leadingColumns,
  orthonormalColumns,
  randomMatrix,
  symmetric,
} from '../safe-lora/orthonormal-columns.ts';
import type { MatrixProducts } from '../safe-lora/products.ts';

/** Up to this size a whole decomposition is as fast as the iteration. */
const decomposedWhole = 96;
/** As many as the authors of SaLoRA let their randomised decomposition make. */
const mostIterations = 30;
/** Change of an eigenvalue, as a share of itself, below which it is found. */
const settled = 1e-6;
/** Eigenvalues below this share of the largest are rounding of sums in float32, and their vectors arbitrary. */
const noise = 1e-6;

/**
 * Orthonormal eigenvectors of the `count` largest eigenvalues of a symmetric matrix [n, n] without negative ones: those that
 * stand out of rounding, so fewer for a matrix of lower rank. float32 [n, k], the largest first.
 *
 * Large matrices by subspace iteration with Rayleigh-Ritz steps from a fixed random start; each eigenvalue must settle, as a
 * few of a model's outputs are hundreds of times larger than all others.
 */
export async function leadingEigenvectors(
  matrix: HostArray,
  count: number,
  products: MatrixProducts,
): Promise<HostArray> {
  const size = matrix.shape[0]!;
  const width = count + Math.max(12, Math.ceil(count / 4));
  if (size <= decomposedWhole || 2 * width >= size) {
    const { u, s } = svd(matrix);
    return leadingColumns(u, kept(s, count));
  }
  let basis = await orthonormalColumns(randomMatrix(size, width), products);
  let before: Float64Array | undefined;
  for (let iteration = 0; ; iteration++) {
    const image = await products.times(matrix, basis);
    const { u, s } = svd(symmetric(innerProducts(basis, image)));
    const moved = s
      .slice(0, count)
      .some((value, at) => Math.abs(value - (before?.[at] ?? 0)) > settled * value);
    if (!moved || iteration === mostIterations)
      return leadingColumns(await products.times(basis, float32(u)), kept(s, count));
    before = s;
    // Of unit length first: else the inner products of the shortest would be lost beside those of the longest.
    basis = await orthonormalColumns(unitColumns(await products.times(image, float32(u))), products);
  }
}

function kept(s: Float64Array, count: number): number {
  return Math.min(count, s.filter((value) => value > noise * s[0]!).length);
}

function unitColumns(x: HostArray): HostArray {
  const [rows, columns] = x.shape as [number, number];
  const data = x.data as Float32Array;
  const squares = new Float64Array(columns);
  for (let at = 0; at < data.length; at++) squares[at % columns]! += data[at]! ** 2;
  const scales = squares.map((sum) => (sum > 0 ? 1 / Math.sqrt(sum) : 0));
  return hostArray(
    data.map((value, at) => value * scales[at % columns]!),
    [rows, columns],
  );
}
