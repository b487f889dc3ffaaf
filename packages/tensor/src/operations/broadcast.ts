import {
  broadcastShapes,
  canonicalShape,
  type Dimension,
  describeShape,
  type Shape,
  sameShape,
} from '../dimension.ts';
import { ShapeError } from '../errors.ts';
import { applySingle, resolveAxis } from '../operation.ts';
import type { Operation, Tensor } from '../tensor.ts';
import { reshape } from './shape.ts';

/** Broadcasting and summing are each other's adjoints: they live together, below every rule that broadcasts. */

/** `x` repeated along its extents of 1, and along new leading axes, up to `shape`. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  const target = canonicalShape('broadcastTo', shape);
  return sameShape(x.shape, target) ? x : applySingle(broadcastOperation, [x], { shape: target });
}

const broadcastOperation: Operation<{ shape: Shape }> = {
  name: 'broadcastTo',
  infer: ([x], { shape }) => {
    requireBroadcast('broadcastTo', x!.shape, shape);
    return [{ dtype: x!.dtype, shape }];
  },
  gradient: ({ inputs, outputGradients }) => [sumToShape(outputGradients[0]!, inputs[0]!.shape)],
  lower: ({ graph, inputs, outputs, attributes: { shape } }) =>
    graph.node('Expand', [inputs[0]!, graph.shapeVector(shape)], outputs),
};

function requireBroadcast(operation: string, from: Shape, to: Shape): void {
  const result = broadcastShapes(from, to);
  if (result === undefined || !sameShape(result, to)) {
    throw new ShapeError(operation, `${describeShape(from)} does not broadcast to ${describeShape(to)}`);
  }
}

/** Which axes a reduction runs over (default: all) and whether they stay as extents of 1 (default: false). */
export interface ReduceOptions {
  readonly axes?: readonly number[] | number;
  readonly keepDims?: boolean;
}

interface ReduceAttributes {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** The shape that is left when `axes` are reduced. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Dimension[] {
  return shape.flatMap((extent, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [extent]));
}

type ReduceGradient = (g: Tensor, x: Tensor, y: Tensor, axes: readonly number[]) => Tensor;

/** `gradient` gets g and y with the reduced axes kept as 1, and gives something that broadcasts to x. */
export function reduction(name: string, operator: string, gradient: ReduceGradient) {
  const operation: Operation<ReduceAttributes> = {
    name,
    infer: ([x], { axes, keepDims }) => {
      if (x!.dtype === 'bool') throw new ShapeError(name, 'the input is bool; cast() it first');
      return [{ dtype: x!.dtype, shape: reducedShape(x!.shape, axes, keepDims) }];
    },
    gradient: ({ inputs, outputs, outputGradients, attributes: { axes } }) => {
      const x = inputs[0]!;
      const kept = reducedShape(x.shape, axes, true);
      const g = reshape(outputGradients[0]!, kept);
      return [broadcastTo(gradient(g, x, reshape(outputs[0]!, kept), axes), x.shape)];
    },
    lower: ({ graph, inputs, outputs, attributes: { axes, keepDims } }) =>
      graph.node(operator, [inputs[0]!, graph.integers(axes)], outputs, {
        keepdims: { int: keepDims ? 1 : 0 },
      }),
  };
  return (x: Tensor, options: ReduceOptions = {}): Tensor => {
    const given = options.axes ?? x.shape.map((_, axis) => axis);
    const axes = (typeof given === 'number' ? [given] : given).map((axis) => resolveAxis(name, axis, x.rank));
    if (new Set(axes).size < axes.length) {
      throw new ShapeError(name, `axes [${given}] of ${describeShape(x.shape)} name one axis twice`);
    }
    if (axes.length === 0) return x;
    return applySingle(operation, [x], { axes, keepDims: options.keepDims ?? false });
  };
}

/** Sum over axes. */
export const sum = reduction('sum', 'ReduceSum', (g) => g);

/**
 * Sums `x` down to a shape that broadcasts to it: the adjoint of broadcasting.
 *
 * @throws ShapeError when `shape` does not broadcast to `x`.
 */
export function sumToShape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  requireBroadcast('sumToShape', shape, x.shape);
  const leading = x.rank - shape.length;
  const axes = x.shape.flatMap((extent, axis) => {
    const target = axis < leading ? undefined : shape[axis - leading];
    return target === undefined || (target === 1 && extent !== 1) ? [axis] : [];
  });
  return reshape(sum(x, { axes, keepDims: true }), shape);
}
