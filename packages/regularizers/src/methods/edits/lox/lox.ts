import { type HostArray, hostArray, type RuntimeOptions } from '@safetune/tensor';
import { RegularizerOptionError } from '../../../errors.ts';
import { asFloat32, type PlainArray } from '../../../host-arrays/plain-array.ts';
import { checkOptions } from '../../../interface/options.ts';
import { leadingColumnSpace } from '../../weights/safe-lora/column-space.ts';
import { directionOfArrays, type SafetyDirection } from '../../weights/safe-lora/direction.ts';
import { compileMatrixProducts, type MatrixProducts } from '../../weights/safe-lora/products.ts';

/** How far, and along how much of what alignment changed, LoX goes on. */
export interface LoxStrength {
  /** k: how many singular directions of V are extrapolated, or all. Default 6 (the authors'). */
  readonly rank?: number | 'full';
  /** alpha: the factor on them. Default 1.25. 0 changes nothing. */
  readonly factor?: number;
}

/** A weight that LoX has moved. */
export interface ExtrapolatedWeight {
  /** float32 [out, in] */
  readonly values: HostArray;
  /** Share of ||V||_F^2 that lies in the extrapolated directions, 0 to 1. */
  readonly energy: number;
}

/**
 * LoX (Perin et al., COLM 2025, arXiv 2506.15606) on one weight: W_aligned + alpha V_k, V_k being the part of
 * V = W_aligned - W_base along its k largest singular values. Changes none of its inputs; computes in float32.
 *
 * @throws RegularizerOptionError for a rank or factor out of range; SafetyDirectionError when the two are equal, of different
 * shapes, or hold NaN; ShapeError for an array whose elements do not fill its shape.
 */
export async function extrapolateWeight(
  weights: { readonly base: PlainArray; readonly aligned: PlainArray },
  strength: LoxStrength = {},
  runtime?: RuntimeOptions,
): Promise<ExtrapolatedWeight> {
  checkOptions('lox', strength, ['rank', 'factor']);
  const checked = checkStrength(strength);
  const [base, aligned] = [asFloat32(weights.base), asFloat32(weights.aligned)];
  const direction = directionOfArrays(aligned, base);
  const products = await compileMatrixProducts(runtime);
  try {
    return await extrapolated(aligned, direction, checked, products);
  } finally {
    await products.release();
  }
}

/** W + alpha V_k of a direction whose norm is not 0. */
export async function extrapolated(
  aligned: HostArray,
  direction: SafetyDirection,
  { rank, factor }: Required<LoxStrength>,
  products: MatrixProducts,
): Promise<ExtrapolatedWeight> {
  const part = rank === 'full' ? direction.values : await leadingPart(direction, rank, products);
  const [before, step] = [aligned.data as Float32Array, part.data as Float32Array];
  let squares = 0;
  const values = before.map((value, at) => {
    squares += step[at]! * step[at]!;
    return value + factor * step[at]!;
  });
  return { values: hostArray(values, aligned.shape), energy: squares / direction.norm ** 2 };
}

/** V_k = U U^T V. */
async function leadingPart(direction: SafetyDirection, rank: number, products: MatrixProducts) {
  const basis = await leadingColumnSpace(direction, { rank }, products);
  return products.times(basis, await products.transposedTimes(basis, direction.values));
}

/** @throws RegularizerOptionError */
export function checkStrength({
  rank = 6,
  factor = 1.25,
}: {
  readonly rank?: number | 'full' | undefined;
  readonly factor?: number | undefined;
}): Required<LoxStrength> {
  if (rank !== 'full' && !(Number.isInteger(rank) && rank >= 1))
    throw new RegularizerOptionError('lox', `rank is ${rank}, must be a positive integer, or 'full'`);
  if (!Number.isFinite(factor) || factor < 0)
    throw new RegularizerOptionError('lox', `factor is ${factor}, must be a number of at least 0`);
  return { rank, factor };
}
