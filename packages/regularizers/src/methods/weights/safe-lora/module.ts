import type { HostArray, RuntimeOptions } from '@safetune/tensor';
import { SafetyDirectionError } from '../../../errors.ts';
import { asFloat32, type PlainArray } from '../../../host-arrays/plain-array.ts';
import { directionOfArrays } from './direction.ts';
import { compareUpdates, dense } from './low-rank.ts';
import { compileMatrixProducts } from './products.ts';
import { methodOf, type ProjectionMethod, project, projectorOnto } from './projector.ts';

/** One module for {@link projectModule}: plain row-major arrays. */
export interface ModuleArrays {
  /** A [rank, in] */
  readonly a: PlainArray;
  /** B [out, rank] */
  readonly b: PlainArray;
  /** W of the pre-trained model [out, in] */
  readonly base: PlainArray;
  /** W of the aligned model [out, in] */
  readonly aligned: PlainArray;
}

/**
 * SafeLoRA on one layer: C B, and how the update C B A compares with B A. Changes none of its inputs; whether to
 * replace B is the caller's to decide by the cosine. Computes in float32, whatever numbers it is given.
 *
 * @throws SafetyDirectionError when base and aligned are equal, hold NaN, or do not fit the factors; ShapeError for an array
 * whose elements do not fill its shape.
 */
export async function projectModule(
  arrays: ModuleArrays,
  method: ProjectionMethod = {},
  runtime?: RuntimeOptions,
): Promise<{ readonly projected: HostArray; readonly cosine: number; readonly normKept: number }> {
  const [a, b, base, aligned] = [arrays.a, arrays.b, arrays.base, arrays.aligned].map(asFloat32) as [
    HostArray,
    HostArray,
    HostArray,
    HostArray,
  ];
  const shapes = [base, aligned].map(({ shape }) => shape.join(', '));
  const wanted = [b.shape[0], a.shape[1]].join(', ');
  if (shapes.some((shape) => shape !== wanted) || a.shape[0] !== b.shape[1]) {
    const message = `base is [${shapes[0]}], aligned [${shapes[1]}], A [${a.shape.join(', ')}], B [${b.shape.join(', ')}]`;
    throw new SafetyDirectionError('shape', 'the module', 'arrays', `${message}: they do not fit together`);
  }
  const direction = directionOfArrays(aligned, base);
  const products = await compileMatrixProducts(runtime);
  try {
    const projector = await projectorOnto(direction, methodOf('safe-lora', method), products);
    const projected = await project(projector, b, products);
    return { projected, ...compareUpdates(dense(b), dense(projected), dense(a)) };
  } finally {
    await products.release();
  }
}
