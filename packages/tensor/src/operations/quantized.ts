import { type Dimension, describeShape, multiplyDimensions, type Shape } from '../dimension.ts';
import type { DataType } from '../dtype.ts';
import { GradientError, ShapeError } from '../errors.ts';
import type { GraphWriter } from '../onnx/graph-writer.ts';
import { applySingle, type LoweringSite, type Operation } from '../operation.ts';
import type { Tensor, TensorType } from '../tensor.ts';
import { reshape } from './shape.ts';

/** A frozen matrix [rows, columns] in 8 bits: element (r, c) stands for `scale_r (values_rc + residual_rc / 254)`. */
export interface QuantizedMatrix {
  /** int8 [rows, columns], from -127 to 127. */
  readonly values: Tensor;
  /** float32 [rows]: a row's largest magnitude / 127. */
  readonly scale: Tensor;
  /** int8 [rows, columns]: what rounding to `values` left over, in steps of 1/254 of theirs. Products then use it. */
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
 * A row of x that holds NaN gives NaN, one with infinities gives no finite numbers.
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
  const leading = x.shape.slice(0, -1);
  const rows = leading.reduce(multiplyDimensions, 1);
  const parts = residual === undefined ? [values, scale] : [values, scale, residual];
  const product = applySingle(
    quantizedMatmulOperation,
    [x.rank === 2 ? x : reshape(x, [rows, x.shape.at(-1)!]), ...parts],
    { transposeB },
  );
  return x.rank === 2 ? product : reshape(product, [...leading, product.shape[1]!]);
}

/** The float32 matrix [rows, columns] that a quantised one stands for. Has no derivative. */
export function dequantize({ values, scale, residual }: QuantizedMatrix): Tensor {
  return applySingle(
    dequantizeOperation,
    residual === undefined ? [values, scale] : [values, scale, residual],
    null,
  );
}

/** Steps of the low part in one of the high part: rounding leaves at most half of one, 127 of these. */
const lowSteps = 254;

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
    values!.dtype !== 'int8' ||
    !fits(scale!, 'float32', [rows]) ||
    (residual !== undefined && !fits(residual, 'int8', [rows, columns]))
  ) {
    const parts = [values!, scale!, ...(residual === undefined ? [] : [residual])];
    throw new ShapeError(
      operation,
      'a quantised matrix is int8[rows, columns], float32[rows] and, with a residual, int8[rows, columns] again, all ' +
        `of fixed extents; got ${parts.map(({ dtype, shape }) => `${dtype}${describeShape(shape)}`).join(', ')}`,
    );
  }
  return [rows, columns];
}

const quantizedMatmulOperation: Operation<{ transposeB: boolean }> = {
  name: 'quantizedMatmul',
  infer: ([x, ...matrix], { transposeB }) => {
    const [rows, columns] = requireMatrix('quantizedMatmul', matrix);
    const [inner, outer] = transposeB ? [columns, rows] : [rows, columns];
    if (x!.dtype !== 'float32' || x!.shape[1] !== inner) {
      throw new ShapeError(
        'quantizedMatmul',
        `${x!.dtype}${describeShape(x!.shape)} x [${rows}, ${columns}]${transposeB ? '^T' : ''}: x must be float32 ` +
          `with ${inner} as its last extent`,
      );
    }
    return [{ dtype: 'float32', shape: [x!.shape[0]!, outer] }];
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
  lower: (site) => {
    const { graph, outputs, attributes } = site;
    const [x, values, scale, residual] = site.inputs as [string, string, string, string?];
    const rowScaled = attributes.transposeB ? x : graph.value('Mul', [x, scale]);
    const rows = quantizeRows(graph, rowScaled, site.inputTypes[0]!.shape[0]!, residual !== undefined);
    const product = (left: string, right: string, factor: number) =>
      integerProduct(site, left, right, factor);
    let total = product(rows.high, values, 1);
    if (residual !== undefined) {
      total = graph.value('Sum', [
        total,
        product(rows.high, residual, 1 / lowSteps),
        product(rows.low!, values, 1 / lowSteps),
      ]);
    }
    graph.node('Mul', [total, graph.value('Unsqueeze', [rows.scale, graph.integers([1])])], outputs);
  },
};

/** Quantised activations are unsigned around this: the integer kernels want them so. */
const zeroPoint = 128;

/**
 * Rows as `scale_r (high - 128 + (low - 128) / 254)`. Products share the nodes of an x they have in common, because
 * ONNX Runtime merges equal ones.
 */
function quantizeRows(graph: GraphWriter, x: string, rows: Dimension, withLow: boolean) {
  const times = (operator: string, factor: number) => {
    const reduced = graph.value(operator, [x, graph.integers([1])], { keepdims: { int: 0 } });
    return graph.value('Mul', [reduced, graph.scalar(factor)]);
  };
  // The extrema pass over a NaN, and rounding makes a number of it: zero times the sum brings it back.
  const scale = graph.value('Max', [
    times('ReduceMax', 1 / 127),
    times('ReduceMin', -1 / 127),
    times('ReduceSum', 0),
    graph.scalar(smallestScale),
  ]);
  const zero = repeated(graph, zeroPoint, 'uint8', rows);
  const perRow = { axis: { int: 0 } };
  const high = graph.value('QuantizeLinear', [x, scale, zero], perRow);
  if (!withLow) return { high, scale };
  const rest = graph.value('Sub', [x, graph.value('DequantizeLinear', [high, scale, zero], perRow)]);
  const lowScale = graph.value('Mul', [scale, graph.scalar(1 / lowSteps)]);
  return { high, scale, low: graph.value('QuantizeLinear', [rest, lowScale, zero], perRow) };
}

/** Keeps a row of zeros from being divided by zero; its 254th part is still a normal float32. */
const smallestScale = 1e-35;

/** factor (left - 128) W, or W^T with the rows' scales; QGemm turns a constant operand round once, while packing it. */
function integerProduct(
  { graph, inputs, inputTypes, attributes: { transposeB } }: LoweringSite<{ transposeB: boolean }>,
  left: string,
  right: string,
  factor: number,
): string {
  const rows = inputTypes[1]!.shape[0] as number;
  const rightScale = transposeB ? inputs[2]! : graph.scalar(1);
  const zero = graph.scalar(0, 'int8');
  const rightZero = transposeB ? repeated(graph, 0, 'int8', rows) : zero;
  return graph.value(
    'QGemm',
    [left, graph.scalar(factor), graph.scalar(zeroPoint, 'uint8'), right, rightScale, rightZero],
    { transA: { int: 0 }, transB: { int: transposeB ? 1 : 0 }, alpha: { float: 1 } },
    'com.microsoft',
  );
}

/** One value `extent` times. Made once a graph: ONNX Runtime takes long to load a graph with hundreds of these. */
function repeated(graph: GraphWriter, value: number, dtype: DataType, extent: Dimension): string {
  const key = `${value} ${dtype} ${extent}`;
  const made = repeatedValues.get(graph) ?? new Map<string, string>();
  repeatedValues.set(graph, made);
  const name =
    made.get(key) ?? graph.value('Expand', [graph.scalar(value, dtype), graph.shapeVector([extent])]);
  made.set(key, name);
  return name;
}

const repeatedValues = new WeakMap<GraphWriter, Map<string, string>>();

const dequantizeOperation: Operation<null> = {
  name: 'dequantize',
  infer: (matrix) => [{ dtype: 'float32', shape: requireMatrix('dequantize', matrix) }],
  lower: ({ graph, inputs, outputs }) => {
    const [values, scale, residual] = inputs as [string, string, string?];
    const perRow = { axis: { int: 0 } };
    if (residual === undefined) {
      graph.node('DequantizeLinear', [values, scale], outputs, perRow);
      return;
    }
    const lowScale = graph.value('Mul', [scale, graph.scalar(1 / lowSteps)]);
    const parts = [
      graph.value('DequantizeLinear', [values, scale], perRow),
      graph.value('DequantizeLinear', [residual, lowScale], perRow),
    ];
    graph.node('Add', parts, outputs);
  },
};
