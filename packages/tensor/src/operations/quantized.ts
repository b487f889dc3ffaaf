import { describeShape, type Shape } from '../dimension.ts';
import { GradientError, ShapeError } from '../errors.ts';
import { applySingle, withDimension } from '../operation.ts';
import type { Operation, Tensor } from '../tensor.ts';
import type { TensorType } from '../tensor-type.ts';
import { finer, type IntegerType, lowerQuantizedMatmul, zeroOf } from './quantized-lowering.ts';

/**
 * A frozen matrix [rows, columns] in 8 bits: element (r, c) stands for `scale_r (values_rc + residual_rc / 254)`, where
 * uint8 stands for what it holds less 128.
 */
export interface QuantizedMatrix {
  /** int8 [rows, columns], from -127 to 127; or uint8, from 1 to 255. `exactIntegerTypes` says which a processor needs. */
  readonly values: Tensor;
  /** float32 [rows]: a row's largest magnitude / 127. */
  readonly scale: Tensor;
  /**
   * [rows, columns] of the type of `values`: what rounding to them left over, in steps of 1/254 of theirs. Products then
   * use it.
   */
  readonly residual?: Tensor;
}

export interface QuantizedMatmulOptions {
  /** Multiply by the transpose: `x W^T` for a weight [out, in]. Default false. */
  readonly transposeB?: boolean;
}

/**
 * x W, or x W^T, for float32 x and a quantised matrix, in integer arithmetic: each row of x is divided by its largest
 * magnitude and rounded to 8 bits too (a row of zeros gives zeros). With a residual x is split into a high and a low
 * 8-bit part as well, and three integer products are added: x_h W_v + (x_h W_r + x_l W_v) / 254.
 *
 * The derivative with respect to x is that of the exact product (rounding counts as the identity: Bengio et al. 2013,
 * arXiv 1308.3432), itself computed in integers. There is none with respect to the matrix.
 *
 * A row of x that holds NaN gives NaN, one with infinities gives no finite numbers. Compiling refuses a matrix of a type
 * that the processor does not multiply exactly (InexactIntegersError).
 *
 * @param x [..., columns], or [..., rows] without `transposeB`
 * @throws ShapeError when types or shapes do not fit; GradientError when a gradient of the matrix is wanted.
 */
export function quantizedMatmul(
  x: Tensor,
  { values, scale, residual }: QuantizedMatrix,
  { transposeB = false }: QuantizedMatmulOptions = {},
): Tensor {
  if (x.rank < 1) throw new ShapeError('quantizedMatmul', 'x needs at least one axis');
  const parts = residual === undefined ? [values, scale] : [values, scale, residual];
  return applySingle(quantizedMatmulOperation, [x, ...parts], { transposeB });
}

/** The float32 matrix [rows, columns] that a quantised one stands for. Has no derivative. */
export function dequantize({ values, scale, residual }: QuantizedMatrix): Tensor {
  return applySingle(
    dequantizeOperation,
    residual === undefined ? [values, scale] : [values, scale, residual],
    null,
  );
}

function requireMatrix(
  operation: string,
  [values, scale, residual]: readonly TensorType[],
): readonly [number, number] {
  const [rows, columns] = values!.shape;
  const fits = (type: TensorType, dtype: string, shape: Shape) =>
    type.dtype === dtype && describeShape(type.shape) === describeShape(shape);
  const isMatrix = typeof rows === 'number' && typeof columns === 'number' && values!.shape.length === 2;
  if (
    !isMatrix ||
    (values!.dtype !== 'int8' && values!.dtype !== 'uint8') ||
    !fits(scale!, 'float32', [rows]) ||
    (residual !== undefined && !fits(residual, values!.dtype, [rows, columns]))
  ) {
    const parts = [values!, scale!, ...(residual === undefined ? [] : [residual])];
    throw new ShapeError(
      operation,
      'a quantised matrix is int8[rows, columns] or uint8, float32[rows] and, with a residual, the first type and shape ' +
        `again, all of fixed extents; got ${parts.map(({ dtype, shape }) => `${dtype}${describeShape(shape)}`).join(', ')}`,
    );
  }
  return [rows, columns];
}

const quantizedMatmulOperation: Operation<{ transposeB: boolean }> = {
  name: 'quantizedMatmul',
  infer: ([x, ...matrix], { transposeB }) => {
    const [rows, columns] = requireMatrix('quantizedMatmul', matrix);
    const [inner, outer] = transposeB ? [columns, rows] : [rows, columns];
    if (x!.dtype !== 'float32' || x!.shape.at(-1) !== inner) {
      throw new ShapeError(
        'quantizedMatmul',
        `${x!.dtype}${describeShape(x!.shape)} x [${rows}, ${columns}]${transposeB ? '^T' : ''}: x must be float32 ` +
          `with ${inner} as its last extent`,
      );
    }
    return [{ dtype: 'float32', shape: withDimension(x!.shape, x!.shape.length - 1, outer) }];
  },
  gradient: ({ inputs: [, values, scale, residual], outputGradients, attributes: { transposeB }, wants }) => {
    if (wants(1) || wants(2) || (residual !== undefined && wants(3))) {
      throw new GradientError(
        'quantizedMatmul: a quantised matrix has no gradient; it must be float32 to be trained',
      );
    }
    const matrix = { values: values!, scale: scale!, ...(residual === undefined ? {} : { residual }) };
    return [quantizedMatmul(outputGradients[0]!, matrix, { transposeB: !transposeB })];
  },
  lower: lowerQuantizedMatmul,
};

const dequantizeOperation: Operation<null> = {
  name: 'dequantize',
  infer: (matrix) => [{ dtype: 'float32', shape: requireMatrix('dequantize', matrix) }],
  lower: ({ graph, inputs, inputTypes, outputs }) => {
    const [values, scale, residual] = inputs as [string, string, string?];
    const { dtype, shape } = inputTypes[0]!;
    const zero = graph.repeated(zeroOf[dtype as IntegerType], dtype, [shape[0]!]);
    const perRow = { axis: { int: 0 } };
    if (residual === undefined) {
      graph.node('DequantizeLinear', [values, scale, zero], outputs, perRow);
      return;
    }
    const lowScale = graph.value('Mul', [scale, graph.scalar(1 / finer)]);
    const parts = [
      graph.value('DequantizeLinear', [values, scale, zero], perRow),
      graph.value('DequantizeLinear', [residual, lowScale, zero], perRow),
    ];
    graph.node('Add', parts, outputs);
  },
};
