import { type Dimension, describeShape, elementCount } from '../dimension.ts';
import { isFloating } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { elementTypeNumber } from '../onnx/schema.ts';
import { applySingle, resolveAxis } from '../operation.ts';
import type { Operation, Tensor } from '../tensor.ts';
import { type ReduceOptions, reducedShape, reduction, sum } from './broadcast.ts';
import { cast, divide, equal, multiply } from './elementwise.ts';

/** The sum lives beside its adjoint, broadcasting. */
export { broadcastTo, type ReduceOptions, sum, sumToShape } from './broadcast.ts';

const meanOf = reduction('mean', 'ReduceMean', (g, x, _y, axes) =>
  divide(g, cast(countAlong(x, axes), x.dtype)),
);

/** Arithmetic mean over axes. @throws ShapeError when `x` is not floating: an integer mean would be rounded. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  if (!isFloating(x.dtype)) throw new ShapeError('mean', `needs a floating type, got ${x.dtype}`);
  return meanOf(x, options);
}

/** Maximum over axes; equal maxima share the gradient evenly. */
export const max = reduction('max', 'ReduceMax', (g, x, y, axes) => {
  const isMaximum = cast(equal(x, y), x.dtype);
  return multiply(divide(g, sum(isMaximum, { axes, keepDims: true })), isMaximum);
});

/** Number of elements along `axes`, as a float32 scalar; right also for extents known only at run time. */
export function countAlong(x: Tensor, axes: readonly number[]): Tensor {
  const extents = axes.map((axis) => x.shape[resolveAxis('countAlong', axis, x.rank)]!);
  return applySingle(countOperation, [], { count: elementCount(extents) });
}

const countOperation: Operation<{ count: Dimension }> = {
  name: 'countAlong',
  infer: () => [{ dtype: 'float32', shape: [] }],
  gradient: () => [],
  lower: ({ graph, outputs, attributes: { count } }) =>
    graph.node('Cast', [graph.extent(count)], outputs, { to: { int: elementTypeNumber('float32') } }),
};

/** Index of the first largest element along `axis` (int64). Not differentiable. */
export function argMax(x: Tensor, axis: number): Tensor {
  const resolved = resolveAxis('argMax', axis, x.rank);
  if (x.shape[resolved] === 0)
    throw new ShapeError('argMax', `axis ${axis} of ${describeShape(x.shape)} is empty`);
  return applySingle(argMaxOperation, [x], { axis: resolved });
}

const argMaxOperation: Operation<{ axis: number }> = {
  name: 'argMax',
  infer: ([x], { axis }) => [{ dtype: 'int64', shape: reducedShape(x!.shape, [axis], false) }],
  gradient: () => [undefined],
  lower: ({ graph, inputs, outputs, attributes: { axis } }) =>
    graph.node('ArgMax', inputs, outputs, { axis: { int: axis }, keepdims: { int: 0 } }),
};
