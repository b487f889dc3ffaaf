import { broadcastShapes, describeShape, type Shape } from '../dimension.ts';
import { ShapeError } from '../errors.ts';
import { applySingle, requireDtype } from '../operation.ts';
import type { GradientSite, LoweringSite, Operation, Tensor } from '../tensor.ts';
import type { TensorType } from '../tensor-type.ts';
import { sumToShape } from './broadcast.ts';
import { weightOperation } from './leaf.ts';
import { flattenLeading } from './shape.ts';

export interface MatmulOptions {
  /** Use the first operand with its last two axes swapped. Default false. */
  readonly transposeA?: boolean;
  /** Use the second operand with its last two axes swapped: `x W^T` for a weight [out, in]. Default false. */
  readonly transposeB?: boolean;
  /** A factor on the product. Default 1. */
  readonly alpha?: number;
}

type MatmulAttributes = Required<MatmulOptions>;

/**
 * alpha * A B over the last two axes; the axes before them broadcast.
 *
 * @throws ShapeError when an operand has fewer than two axes or the inner extents differ.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  return applySingle(matmulOperation, [a, b], { transposeA, transposeB, alpha });
}

/** Rows and columns of an operand as the product sees it. */
function matrixExtents(shape: Shape, transposed: boolean) {
  const [rows, columns] = [shape[shape.length - 2]!, shape[shape.length - 1]!];
  return transposed ? [columns, rows] : [rows, columns];
}

const matmulOperation: Operation<MatmulAttributes> = {
  name: 'matmul',
  infer: ([a, b], { transposeA, transposeB }) => {
    requireDtype('matmul', [a!, b!], 'float32');
    const fail = (why: string) =>
      new ShapeError(
        'matmul',
        `${describeShape(a!.shape)}${transposeA ? '^T' : ''} x ${describeShape(b!.shape)}${transposeB ? '^T' : ''}: ${why}`,
      );
    if (a!.shape.length < 2 || b!.shape.length < 2) throw fail('both need at least two axes');
    const [rows, innerA] = matrixExtents(a!.shape, transposeA);
    const [innerB, columns] = matrixExtents(b!.shape, transposeB);
    if (innerA !== innerB) throw fail(`inner extents ${innerA} and ${innerB} differ`);
    const leading = broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    if (leading === undefined) throw fail('the leading axes do not broadcast');
    return [{ dtype: 'float32', shape: [...leading, rows!, columns!] }];
  },
  gradient: (site) => [
    site.wants(0) ? gradientOfLeft(site) : undefined,
    site.wants(1) ? gradientOfRight(site) : undefined,
  ],
  lower: (site) => {
    const { graph, inputs, outputs, attributes } = site;
    const { transposeA, transposeB, alpha } = attributes;
    if (graph.streamWeights && transposeB && !transposeA && isWeight(site.inputTypes[1]!)) {
      lowerStreamed(site);
      return;
    }
    if (!transposeA && !transposeB && alpha === 1) {
      graph.node('MatMul', inputs, outputs);
      return;
    }
    // FusedMatMul reads a transposed operand in place: no transposed copy of a weight is ever made.
    graph.node('FusedMatMul', inputs, outputs, fused(attributes), 'com.microsoft');
  },
};

function fused({ transposeA, transposeB, alpha }: MatmulAttributes) {
  return {
    transA: { int: transposeA ? 1 : 0 },
    transB: { int: transposeB ? 1 : 0 },
    alpha: { float: alpha },
  };
}

function isWeight(tensor: TensorType): boolean {
  return ((tensor as Tensor).node.operation as unknown) === weightOperation;
}

/**
 * x W^T as (W x^T)^T. The product's kernel reads its first operand where it lies, and rearranges the second one at every
 * run: here the few rows of x, and not the weight.
 */
function lowerStreamed(site: LoweringSite<MatmulAttributes>): void {
  const { graph, inputs, outputs, inputTypes, outputTypes, attributes } = site;
  const [x, weight] = inputs as [string, string];
  const isMatrix = inputTypes[0]!.shape.length === 2;
  const width = inputTypes[0]!.shape.at(-1) as number;
  const rows = isMatrix ? x : graph.value('Reshape', [x, graph.runtimeIntegers([-1, width])]);
  const columns = graph.value('FusedMatMul', [weight, rows], fused(attributes), 'com.microsoft');
  const swap = { perm: { ints: [1, 0] } };
  if (isMatrix) graph.node('Transpose', [columns], outputs, swap);
  else {
    const product = graph.value('Transpose', [columns], swap);
    graph.node('Reshape', [product, graph.shapeVector(outputTypes[0]!.shape)], outputs);
  }
}

/** dA = G B^T, or its transpose when A was used transposed. */
function gradientOfLeft({ inputs, outputGradients, attributes }: GradientSite<MatmulAttributes>): Tensor {
  const [a, b] = inputs as [Tensor, Tensor];
  const g = outputGradients[0]!;
  const { transposeA, transposeB, alpha } = attributes;
  const gradient = transposeA
    ? matmul(b, g, { transposeA: transposeB, transposeB: true, alpha })
    : matmul(g, b, { transposeB: !transposeB, alpha });
  return sumToShape(gradient, a.shape);
}

/** dB = A^T G, or its transpose when B was used transposed. */
function gradientOfRight({ inputs, outputGradients, attributes }: GradientSite<MatmulAttributes>): Tensor {
  let [a, b] = inputs as [Tensor, Tensor];
  let g = outputGradients[0]!;
  const { transposeA, transposeB, alpha } = attributes;
  if (b.rank === 2 && a.rank > 2 && !transposeA) {
    // One product over all rows instead of one product per leading index and a sum.
    a = flattenLeading(a);
    g = flattenLeading(g);
  }
  const gradient = transposeB
    ? matmul(g, a, { transposeA: true, transposeB: transposeA, alpha })
    : matmul(a, g, { transposeA: !transposeA, alpha });
  return sumToShape(gradient, b.shape);
}
