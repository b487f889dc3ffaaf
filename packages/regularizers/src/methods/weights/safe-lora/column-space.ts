import { type HostArray, type Svd, svd } from '@safetune/tensor';
import { RegularizerOptionError } from '../../../errors.ts';
import type { SafetyDirection } from './direction.ts';
import {
  float32,
  innerProducts,
  leadingColumns,
  orthonormalColumns,
  randomMatrix,
  symmetric,
} from './orthonormal-columns.ts';
import type { MatrixProducts } from './products.ts';

/**
 * Where the singular value decomposition of V is cut: after `rank` values, or after the fewest whose squares make up
 * the share `energy` of ||V||_F^2.
 */
export type Truncation = { readonly rank: number } | { readonly energy: number };

/** @throws RegularizerOptionError for a rank that is not a positive integer, or an energy outside (0, 1]. */
export function checkTruncation(regularizer: string, truncation: Truncation): Truncation {
  if ('rank' in truncation) {
    if (Number.isInteger(truncation.rank) && truncation.rank >= 1) return truncation;
    throw new RegularizerOptionError(regularizer, `rank is ${truncation.rank}, must be a positive integer`);
  }
  if (truncation.energy > 0 && truncation.energy <= 1) return truncation;
  throw new RegularizerOptionError(
    regularizer,
    `energy is ${truncation.energy}, must be above 0 and at most 1`,
  );
}

/**
 * Orthonormal columns U [out, k] that span the leading left singular vectors of V, k by the truncation and at most
 * the rank of V.
 *
 * Small matrices are decomposed whole. Of large ones only the leading part is computed, by subspace iteration with
 * Rayleigh-Ritz steps from a fixed random start (Halko, Martinsson and Tropp 2011, algorithm 4.4), until the energy
 * captured grows by less than 1e-6 of itself. An energy that takes a good part of a large V decomposes it whole after
 * all: minutes for [4864, 896], where a rank takes a second.
 */
export async function leadingColumnSpace(
  direction: SafetyDirection,
  truncation: Truncation,
  products: MatrixProducts,
): Promise<HostArray> {
  const smaller = Math.min(...direction.values.shape);
  const width = (size: number) => size + Math.max(12, Math.ceil(size / 4));
  let size = 'rank' in truncation ? truncation.rank : 32;
  while (smaller > decomposedWhole && 2 * width(size) < smaller) {
    const found = await leadingVectors(direction.values, size, width(size), products);
    // Squares of V's values were computed in float32.
    const count = countOf(found.s, direction.norm, truncation, size, 1e-3);
    if (count !== undefined)
      return orthonormalColumns(await orthonormalColumns(leadingColumns(found.u, count), products), products);
    size *= 2;
  }
  const whole = svd(direction.values);
  return leadingColumns(
    whole.u,
    countOf(whole.s, direction.norm, truncation, whole.s.length, 1e-6) ?? whole.s.length,
  );
}

/** Up to this size a whole decomposition is as fast as the iteration. */
const decomposedWhole = 96;
/** When a subspace iteration ends. */
export interface IterationEnd {
  /** Squared singular values grow towards the true ones from step to step; below this share of them it is rounding. */
  readonly settled: number;
  /** A spectrum so flat that more would help has no leading part worth the name. */
  readonly mostIterations: number;
}

const ofSpan: IterationEnd = { settled: 1e-6, mostIterations: 10 };

/**
 * Columns along the leading left singular vectors of V, of any lengths, and the values; iterates on V's smaller side.
 *
 * @param size - how many are wanted. @param width - how many are carried along; more of them settle sooner.
 */
export async function leadingVectors(
  v: HostArray,
  size: number,
  width: number,
  products: MatrixProducts,
  { settled, mostIterations }: IterationEnd = ofSpan,
): Promise<Pick<Svd, 'u' | 's'>> {
  const [rows, columns] = v.shape as [number, number];
  const isTall = rows > columns;
  const forth = isTall ? products.times : products.transposedTimes;
  const back = isTall ? products.transposedTimes : products.times;
  let basis = await orthonormalColumns(randomMatrix(Math.min(rows, columns), width), products);
  let captured = 0;
  for (let iteration = 0; ; iteration++) {
    const image = await forth(v, basis);
    const returned = await back(v, image);
    // Rayleigh and Ritz: the basis, turned by u, is the best guess at the singular vectors that its span allows.
    const { u, s } = svd(symmetric(innerProducts(basis, returned)));
    const sum = s.slice(0, size).reduce((total, value) => total + value, 0);
    if (sum - captured <= settled * sum || iteration === mostIterations) {
      const turned = await products.times(isTall ? image : basis, float32(u));
      return { u: turned, s: s.map((value) => Math.sqrt(Math.max(0, value))) };
    }
    captured = sum;
    basis = await orthonormalColumns(await products.times(returned, float32(u)), products);
  }
}

/**
 * The fewest leading values that reach the truncation; undefined when more than the `known` ones are needed.
 *
 * @param noise - values below this share of the first are rounding, and their vectors arbitrary.
 */
function countOf(
  s: Float64Array,
  norm: number,
  truncation: Truncation,
  known: number,
  noise: number,
): number | undefined {
  const rank = s.filter((value) => value > noise * s[0]!).length;
  if ('rank' in truncation) return Math.min(truncation.rank, rank);
  let captured = 0;
  for (let count = 0; count < Math.min(known, rank); count++) {
    captured += s[count]! ** 2;
    if (captured >= truncation.energy * norm ** 2) return count + 1;
  }
  return rank < known ? rank : undefined;
}
