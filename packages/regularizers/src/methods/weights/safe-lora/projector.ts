import { type HostArray, hostArray } from '@safetune/tensor';
import { RegularizerOptionError } from '../../../errors.ts';
import { checkChoice } from '../../../interface/options.ts';
import { checkTruncation, leadingColumnSpace, type Truncation } from './column-space.ts';
import type { SafetyDirection } from './direction.ts';
import type { MatrixProducts } from './products.ts';

/**
 * How V = W_aligned - W_base becomes a matrix C [out, out] that an update is projected by:
 *
 * - `faithful` (default): C = V V^T / ||V||_F (Hsu et al. 2024, "Safe LoRA", arXiv 2405.16833, section 3.2). No
 *   projector: it also scales, by V's squared singular values over ||V||_F.
 * - `exact`: C = U U^T, the orthogonal projector onto V's leading left singular vectors; {@link Truncation} says how
 *   many, as a whole V of full rank would span everything.
 */
export type ProjectionMethod = { readonly method?: 'faithful' } | ({ readonly method: 'exact' } & Truncation);

/** C = factor * basis basis^T, never formed: projecting B [out, r] costs out * columns * r instead of out^2 * r. */
export interface Projector {
  /** float32 [out, columns]: V itself, or orthonormal columns. */
  readonly basis: HostArray;
  readonly factor: number;
}

/**
 * The method among options that may hold more, checked.
 *
 * @param regularizer - whose options they are, for messages.
 * @throws RegularizerOptionError for a method without its truncation, or an impossible one.
 */
export function methodOf(regularizer: string, options: ProjectionMethod): ProjectionMethod {
  checkChoice(regularizer, 'method', options.method ?? 'faithful', ['faithful', 'exact']);
  if (options.method !== 'exact') return { method: 'faithful' };
  if ('rank' in options && 'energy' in options) {
    throw new RegularizerOptionError(regularizer, 'rank and energy exclude each other; give one');
  }
  if ('rank' in options) return { method: 'exact', ...checkTruncation(regularizer, { rank: options.rank }) };
  if ('energy' in options)
    return { method: 'exact', ...checkTruncation(regularizer, { energy: options.energy }) };
  throw new RegularizerOptionError(
    regularizer,
    "the method 'exact' needs a rank or an energy, such as rank: 32",
  );
}

/** The projector of a direction whose norm is not 0. */
export async function projectorOnto(
  direction: SafetyDirection,
  method: ProjectionMethod,
  products: MatrixProducts,
): Promise<Projector> {
  if (method.method === 'exact')
    return { basis: await leadingColumnSpace(direction, method, products), factor: 1 };
  return { basis: direction.values, factor: 1 / direction.norm };
}

/** C B, float32 [out, r]. */
export async function project(
  projector: Projector,
  b: HostArray,
  products: MatrixProducts,
): Promise<HostArray> {
  const { basis, factor } = projector;
  const inner = await products.transposedTimes(basis, b);
  const projected = await products.times(basis, inner);
  return hostArray(
    (projected.data as Float32Array).map((value) => value * factor),
    projected.shape,
  );
}
