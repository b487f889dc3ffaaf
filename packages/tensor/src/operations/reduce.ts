import { elementTypeNumber } from '../onnx/schema.ts';
import { type Dimension, describeShape, elementCount, sameShape, type Shape } from '../dimension.ts';
import { ShapeError } from '../errors.ts';
import { applySingle, type Operation, resolveAxis } from '../operation.ts';
import type { Tensor } from '../tensor.ts';
import { cast, divide, equal, multiply } from './elementwise.ts';
import { broadcastTo, reshape } from './shape.ts';

/** Which axes a reduction runs over (default: all) and whether they stay as extents of 1 (default: false). */
export interface ReduceOptions {
  readonly axes?: readonly number[] | number;
  readonly keepDims?: boolean;
}

interface ReduceAttributes {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Dimension[] {
  return shape.flatMap((extent, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [extent]));
}

type ReduceGradient = (g: Tensor, x: Tensor, y: Tensor, axes: readonly number[]) => Tensor;

/** `gradient` gets g and y with the reduced axes kept as 1, and gives something that broadcasts to x. */
function reduction(name: string, operator: string, gradient: ReduceGradient) {
  const operation: Operation<ReduceAttributes> = {
    name,
    infer: ([x], { axes, keepDims }) => [{ dtype: x!.dtype, shape: reducedShape(x!.shape, axes, keepDims) }],
    gradient: ({ inputs, outputs, outputGradients, attributes: { axes } }) => {
      const x = inputs[0]!;
      const kept = reducedShape(x.shape, axes, true);
      const g = reshape(outputGradients[0]!, kept);
      return [broadcastTo(gradient(g, x, reshape(outputs[0]!, kept), axes), x.shape)];
    },
    lower: ({ graph, inputs, outputs, attributes: { axes, keepDims } }) =>
      graph.node(operator, [inputs[0]!, graph.integers(axes)], outputs, { keepdims: { int: keepDims ? 1 : 0 } }),
  };
  return (x: Tensor, options: ReduceOptions = {}): Tensor => {
    const given = options.axes ?? x.shape.map((_, axis) => axis);
    const axes = (typeof given === 'number' ? [given] : given).map((axis) => resolveAxis(name, axis, x.rank));
    if (axes.length === 0) return x;
    return applySingle(operation, [x], { axes: [...axes].sort((a, b) => a - b), keepDims: options.keepDims ?? false });
  };
}

/** Sum over axes. */
export const sum = reduction('sum', 'ReduceSum', (g) => g);
/** Arithmetic mean over axes. */
export const mean = reduction('mean', 'ReduceMean', (g, x, _y, axes) => divide(g, countAlong(x, axes)));
/** Maximum over axes; equal maxima share the gradient evenly. */
export const max = reduction('max', 'ReduceMax', (g, x, y, axes) => {
  const isMaximum = cast(equal(x, y), 'float32');
  return multiply(divide(g, sum(isMaximum, { axes, keepDims: true })), isMaximum);
});

/** Number of elements along `axes`, as a float32 scalar; right also for extents known only at run time. */
export function countAlong(x: Tensor, axes: readonly number[]): Tensor {
  return applySingle(countOperation, [x], { axes: axes.map((axis) => resolveAxis('countAlong', axis, x.rank)) });
}

const countOperation: Operation<{ axes: readonly number[] }> = {
  name: 'countAlong',
  infer: () => [{ dtype: 'float32', shape: [] }],
  gradient: () => [undefined],
  lower: ({ graph, inputTypes, outputs, attributes: { axes } }) => {
    const count = elementCount(axes.map((axis) => inputTypes[0]!.shape[axis]!));
    graph.node('Cast', [graph.extent(count)], outputs, { to: { int: elementTypeNumber('float32') } });
  },
};

/** Index of the first largest element along `axis` (int64). Not differentiable. */
export function argMax(x: Tensor, axis: number): Tensor {
  return applySingle(argMaxOperation, [x], { axis: resolveAxis('argMax', axis, x.rank) });
}

const argMaxOperation: Operation<{ axis: number }> = {
  name: 'argMax',
  infer: ([x], { axis }) => [{ dtype: 'int64', shape: reducedShape(x!.shape, [axis], false) }],
  gradient: () => [undefined],
  lower: ({ graph, inputs, outputs, attributes: { axis } }) =>
    graph.node('ArgMax', inputs, outputs, { axis: { int: axis }, keepdims: { int: 0 } }),
};

/**
 * Sums `x` down to a shape that broadcasts to it: the adjoint of broadcasting.
 *
 * @throws ShapeError when `shape` does not broadcast to `x`.
 */
export function sumToShape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const leading = x.rank - shape.length;
  const axes = x.shape.flatMap((extent, axis) => {
    const target = axis < leading ? undefined : shape[axis - leading];
    return target === undefined || (target === 1 && extent !== 1) ? [axis] : [];
  });
  const summed = reshape(sum(x, { axes, keepDims: true }), shape);
  if (leading < 0) {
    throw new ShapeError('sumToShape', `${describeShape(shape)} does not broadcast to ${describeShape(x.shape)}`);
  }
  return summed;
}
