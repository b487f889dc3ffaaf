import type { AbstractMatrix } from 'ml-matrix';
import { ShapeError } from '../errors.ts';
import type { HostArray } from '../host-array.ts';
import { decompose, factorize, type Svd, values } from './decompositions.ts';
import { fromMatrix, toMatrix } from './matrix.ts';

/**
 * Singular values of the product `b a` (b: [m, r], a: [r, n]) without forming it: with b = Qb Rb and a^T = Qa Ra,
 * those of the small Rb Ra^T. O((m + n) r^2) instead of O(m n min(m, n)).
 *
 * @returns largest first; min(m, r, n) of them, every other one of the product is zero.
 * @throws ShapeError, NonFiniteError
 */
export function lowRankSingularValues(b: HostArray, a: HostArray): Float64Array {
  return values(core('lowRankSingularValues', b, a).middle);
}

/**
 * Thin singular value decomposition of the product `b a` (b: [m, r], a: [r, n]) without forming it; u is [m, k], v is
 * [n, k], k = min(m, r, n).
 *
 * @throws ShapeError, NonFiniteError
 */
export function lowRankSvd(b: HostArray, a: HostArray): Svd {
  const { left, middle, right } = core('lowRankSvd', b, a);
  const small = decompose(middle);
  return {
    u: fromMatrix(left.mmul(small.leftSingularVectors)),
    s: Float64Array.from(small.diagonal),
    v: fromMatrix(right.mmul(small.rightSingularVectors)),
  };
}

/** `b a = left middle right^T` with orthonormal columns in left and right. */
function core(
  operation: string,
  b: HostArray,
  a: HostArray,
): { readonly left: AbstractMatrix; readonly middle: AbstractMatrix; readonly right: AbstractMatrix } {
  const [first, second] = [toMatrix(operation, b), toMatrix(operation, a)];
  if (first.columns !== second.rows) {
    const shapes = `[${first.rows}, ${first.columns}] and [${second.rows}, ${second.columns}]`;
    throw new ShapeError(operation, `inner dimensions differ: ${shapes}`);
  }
  const { q: left, r: leftR } = factorize(first);
  const { q: right, r: rightR } = factorize(second.transpose());
  return { left, middle: leftR.mmul(rightR.transpose()), right };
}
