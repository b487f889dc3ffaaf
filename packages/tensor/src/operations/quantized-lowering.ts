import { type Dimension, multiplyDimensions } from '../dimension.ts';
import type { GraphWriter } from '../onnx/graph-writer.ts';
import type { LoweringSite } from '../tensor.ts';
import { lowerBlockProduct } from './block-product.ts';

/** Finer steps in a step: rounding leaves at most half of one, 127 of these. */
export const finer = 254;

/**
 * How 8-bit weights are held: int8 around 0, or uint8 around 128. Activations are uint8, and processors differ in which of
 * the two products they compute exactly: `exactIntegerTypes` finds out.
 */
export type IntegerType = 'int8' | 'uint8';

/** What stands for zero in weights of each type. */
export const zeroOf: Readonly<Record<IntegerType, number>> = { int8: 0, uint8: 128 };

/**
 * Writes the product of float32 rows with a quantised matrix: inputs x [..., inner], 8-bit values, their rows' scales, and
 * on request a residual of the values' type. The rows are quantised, multiplied as integers, and scaled back.
 */
export function lowerQuantizedMatmul(site: LoweringSite<{ transposeB: boolean }>): void {
  const { graph, outputs, inputTypes, outputTypes, attributes } = site;
  if (graph.roundInBlocks && lowerBlockProduct(site)) return;
  const [given, values, scale, residual] = site.inputs as [string, string, string, string?];
  const inner = inputTypes[0]!.shape.at(-1) as number;
  const extent = inputTypes[0]!.shape.slice(0, -1).reduce(multiplyDimensions, 1);
  const isMatrix = inputTypes[0]!.shape.length === 2;
  const x = isMatrix ? given : graph.value('Reshape', [given, graph.runtimeIntegers([-1, inner])]);
  const type = inputTypes[1]!.dtype as IntegerType;
  graph.integerTypes.add(type);
  const rowScaled = attributes.transposeB ? x : graph.value('Mul', [x, scale]);
  const isWide = !attributes.transposeB && inner >= wideRow;
  const parts = residual === undefined ? 1 : isWide ? 3 : 2;
  const rows = quantizeRows(graph, rowScaled, extent, parts);
  const terms = rows.parts.map((part, index) => integerProduct(site, part, values, finer ** -index));
  if (residual !== undefined) terms.push(integerProduct(site, rows.parts[0]!, residual, 1 / finer));
  else if (isWide) terms.push(lostInRounding(graph, rows, { values, type, inner }));
  // Not one Sum: of three matrices, ONNX Runtime adds them on one thread, ten times as slowly.
  const total = terms.reduce((sum, term) => graph.value('Add', [sum, term]));
  const scaled = [total, column(graph, rows.scale)];
  if (isMatrix) graph.node('Mul', scaled, outputs);
  else graph.node('Reshape', [graph.value('Mul', scaled), graph.shapeVector(outputTypes[0]!.shape)], outputs);
}

interface QuantizedRows {
  /** uint8, as x; each in steps 254 times as fine as the one before. */
  readonly parts: readonly string[];
  /** Size of the first part's steps, [rows]. */
  readonly scale: string;
  /** Sum of each row of x, [rows]. */
  readonly sum: string;
}

/** Quantised activations are unsigned around this: the integer kernels want them so. */
const zeroPoint = 128;

/**
 * Rows as `scale_r (part_0 - 128 + (part_1 - 128) / 254 + ...)`. Products share the nodes of an x they have in common,
 * because ONNX Runtime merges equal ones.
 */
function quantizeRows(graph: GraphWriter, x: string, rows: Dimension, count: number): QuantizedRows {
  const reduce = (operator: string) =>
    graph.value(operator, [x, graph.integers([1])], { keepdims: { int: 0 } });
  const times = (value: string, factor: number) => graph.value('Mul', [value, graph.scalar(factor)]);
  const sum = reduce('ReduceSum');
  const scale = graph.value('Max', [
    times(reduce('ReduceMax'), 1 / 127),
    times(reduce('ReduceMin'), -1 / 127),
    graph.scalar(smallestScale),
    // The extrema pass over a NaN, and rounding makes a number of it: zero times the sum brings it back.
    times(sum, 0),
  ]);
  const zero = graph.repeated(zeroPoint, 'uint8', [rows]);
  const perRow = { axis: { int: 0 } };
  const parts: string[] = [];
  for (let rest = x, step = scale; ; step = times(step, 1 / finer)) {
    const part = graph.value('QuantizeLinear', [rest, step, zero], perRow);
    parts.push(part);
    if (parts.length === count) return { parts, scale, sum };
    rest = graph.value('Sub', [rest, graph.value('DequantizeLinear', [part, step, zero], perRow)]);
  }
}

/** Keeps a row of zeros from being divided by zero; a 254th of its 254th is still a normal float32. */
const smallestScale = 1e-32;

/**
 * From here on a row of x is likely the gradient of a softmax over a vocabulary: one large element, and a crowd of
 * small ones that all round to zero, though together they weigh as much: {@link lostInRounding}, or a third part.
 */
const wideRow = 16_384;

/**
 * What rounding took from the sums of rows, times the mean row of the matrix: the part of the rounding error's product
 * that does not average out. In steps of the rows' scales.
 */
function lostInRounding(
  graph: GraphWriter,
  rows: QuantizedRows,
  { values, type, inner }: { readonly values: string; readonly type: IntegerType; readonly inner: number },
): string {
  const one = graph.scalar(1);
  const ones = graph.repeated(zeroOf[type] + 1, type, [inner, 1]);
  const kept = qgemm(graph, { left: rows.parts[0]!, right: ones, type, rightScale: one, factor: 1 });
  const lost = graph.value('Sub', [column(graph, graph.value('Div', [rows.sum, rows.scale])), kept]);
  const mean = graph.shared(`mean row of ${values}`, () => {
    const left = graph.repeated(zeroPoint + 1, 'uint8', [1, inner]);
    return qgemm(graph, { left, right: values, type, rightScale: one, factor: 1 / inner });
  });
  return graph.value('MatMul', [lost, mean]);
}

/** factor (left - 128) W, or W^T with the rows' scales. */
function integerProduct(
  { graph, inputs, inputTypes, attributes: { transposeB } }: LoweringSite<{ transposeB: boolean }>,
  left: string,
  right: string,
  factor: number,
): string {
  const { dtype, shape } = inputTypes[1]!;
  const product = { left, right, type: dtype as IntegerType, factor };
  return transposeB
    ? qgemm(graph, { ...product, rightScale: inputs[2]!, outerScales: shape[0] as number })
    : qgemm(graph, { ...product, rightScale: graph.scalar(1) });
}

interface IntegerGemm {
  /** uint8 around 128, [rows, inner] */
  readonly left: string;
  /** [inner, outer], or [outer, inner] with `outerScales` */
  readonly right: string;
  readonly type: IntegerType;
  readonly rightScale: string;
  readonly factor: number;
  /** Multiply by the transpose of `right`, `rightScale` being as many scales. */
  readonly outerScales?: number;
}

/** QGemm turns a constant operand round once, while packing it. */
function qgemm(
  graph: GraphWriter,
  { left, right, type, rightScale, factor, outerScales }: IntegerGemm,
): string {
  const zero = zeroOf[type];
  const rightZero =
    outerScales === undefined ? graph.scalar(zero, type) : graph.repeated(zero, type, [outerScales]);
  return graph.value(
    'QGemm',
    [left, graph.scalar(factor), graph.scalar(zeroPoint, 'uint8'), right, rightScale, rightZero],
    { transA: { int: 0 }, transB: { int: outerScales === undefined ? 0 : 1 }, alpha: { float: 1 } },
    'com.microsoft',
  );
}

/** [rows] to [rows, 1] */
function column(graph: GraphWriter, vector: string): string {
  return graph.value('Unsqueeze', [vector, graph.integers([1])]);
}
