import { add, concatenate, matmul, multiply, subtract, sum, type Tensor } from '@safetune/tensor';
import { RegularizerOptionError } from '../../errors.ts';
import type { TracedModule } from '../../interface/parameters.ts';

/** Two factors of a change of a weight: scale * left right. */
export interface ChangeFactors {
  /** [out, width] */
  readonly left: Tensor;
  /** [width, in] */
  readonly right: Tensor;
}

/**
 * How a module's update has changed since the start of training, B A - B0 A0, as a product that is not formed: B A where B0 = 0, else
 *
 *     [B - B0, B0] [A; A - A0]
 *
 * whose parts are as small as the change itself: the difference of two products would drown a small change in their rounding.
 */
export function changeFactors({ a, b, start, startsAtZero }: TracedModule): ChangeFactors {
  if (startsAtZero) return { left: b, right: a };
  return {
    left: concatenate([subtract(b, start.b), start.b], 1),
    right: concatenate([a, subtract(a, start.a)], 0),
  };
}

/** ||L R||_F^2 = tr((L^T L) (R R^T)), through matrices of the factors' width. */
export function squaredNormOfProduct({ left, right }: ChangeFactors): Tensor {
  const [ofLeft, ofRight] = [
    matmul(left, left, { transposeA: true }),
    matmul(right, right, { transposeB: true }),
  ];
  return sum(multiply(ofLeft, ofRight));
}

/** Names of the trained tensors that are no factors of modules. */
export function otherTensors(
  tensors: Readonly<Record<string, Tensor>>,
  modules: ReadonlyMap<string, TracedModule>,
): string[] {
  const factors = new Set([...modules.values()].flatMap(({ a, b }) => [a, b]));
  return Object.entries(tensors).flatMap(([name, tensor]) => (factors.has(tensor) ? [] : [name]));
}

/** The sum of scalars, of which there is at least one. */
export function total(terms: readonly Tensor[]): Tensor {
  return terms.reduce(add);
}

/**
 * For penalties on updates of linear layers, which anything else that is trained would pass by.
 *
 * @throws RegularizerOptionError
 */
export function requireUpdatesAlone(
  regularizer: string,
  tensors: Readonly<Record<string, Tensor>>,
  modules: ReadonlyMap<string, TracedModule>,
): void {
  if (modules.size === 0) {
    throw new RegularizerOptionError(
      regularizer,
      'penalises the updates of an adapter, but all weights are trained',
    );
  }
  const [other] = otherTensors(tensors, modules);
  if (other === undefined) return;
  throw new RegularizerOptionError(
    regularizer,
    `penalises the updates of linear layers, and '${other}' of this adapter would pass by it: train without`,
  );
}
