import { type AbstractMatrix, QrDecomposition, SingularValueDecomposition } from 'ml-matrix';
import type { HostArray } from '../host-array.ts';
import { fromMatrix, toMatrix } from './matrix.ts';

/** `a = u diag(s) v^T`, thin: for `a` [m, n] and k = min(m, n). All float64. */
export interface Svd {
  /** Left singular vectors as columns, [m, k]. */
  readonly u: HostArray;
  /** Singular values, largest first; k of them. */
  readonly s: Float64Array;
  /** Right singular vectors as columns, [n, k]. */
  readonly v: HostArray;
}

/** `a = q r`, thin: for `a` [m, n] and k = min(m, n), q has orthonormal columns. All float64. */
export interface Qr {
  /** [m, k] */
  readonly q: HostArray;
  /** [k, n], upper triangular (upper trapezoidal when m < n). */
  readonly r: HostArray;
}

/**
 * Singular values of `a` [m, n], largest first; min(m, n) of them.
 *
 * @throws ShapeError, NonFiniteError
 */
export function singularValues(a: HostArray): Float64Array {
  return values(toMatrix('singularValues', a));
}

/**
 * Thin singular value decomposition of `a` [m, n]. Costs O(m n min(m, n)): for a product of thin factors use
 * {@link lowRankSvd}.
 *
 * @throws ShapeError, NonFiniteError
 */
export function svd(a: HostArray): Svd {
  return fromSvd(decompose(toMatrix('svd', a)));
}

/**
 * Thin QR decomposition of `a` [m, n] by Householder reflections.
 *
 * @throws ShapeError, NonFiniteError
 */
export function thinQr(a: HostArray): Qr {
  const { q, r } = factorize(toMatrix('thinQr', a));
  return { q: fromMatrix(q), r: fromMatrix(r) };
}

/** Thin QR; ml-matrix wants at least as many rows as columns, so of a wide matrix the leading square part gives q. */
export function factorize(a: AbstractMatrix): { readonly q: AbstractMatrix; readonly r: AbstractMatrix } {
  if (a.rows >= a.columns) {
    const qr = new QrDecomposition(a);
    return { q: qr.orthogonalMatrix, r: qr.upperTriangularMatrix };
  }
  const { orthogonalMatrix: q } = new QrDecomposition(a.subMatrix(0, a.rows - 1, 0, a.rows - 1));
  const r = q.transpose().mmul(a);
  for (let row = 1; row < r.rows; row++) for (let column = 0; column < row; column++) r.set(row, column, 0);
  return { q, r };
}

/** Singular values alone. */
export function values(a: AbstractMatrix): Float64Array {
  const options = {
    computeLeftSingularVectors: false,
    computeRightSingularVectors: false,
    autoTranspose: true,
  };
  return Float64Array.from(new SingularValueDecomposition(a, options).diagonal);
}

/** Thin SVD of any shape. */
export function decompose(a: AbstractMatrix): SingularValueDecomposition {
  return new SingularValueDecomposition(a, { autoTranspose: true });
}

function fromSvd(decomposition: SingularValueDecomposition): Svd {
  return {
    u: fromMatrix(decomposition.leftSingularVectors),
    s: Float64Array.from(decomposition.diagonal),
    v: fromMatrix(decomposition.rightSingularVectors),
  };
}
