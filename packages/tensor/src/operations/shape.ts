import {
  addDimensions,
  broadcastShapes,
  type Dimension,
  describeShape,
  elementCount,
  multiplyDimensions,
  sameShape,
  type Shape,
} from '../dimension.ts';
import { ShapeError } from '../errors.ts';
import { applyOperation, applySingle, type Operation, resolveAxis, withDimension } from '../operation.ts';
import type { Tensor } from '../tensor.ts';
import { sumToShape } from './reduce.ts';

/**
 * The same elements in row-major order under another shape.
 *
 * @throws ShapeError when the numbers of elements differ.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : applySingle(reshapeOperation, [x], { shape });
}

const reshapeOperation: Operation<{ shape: Shape }> = {
  name: 'reshape',
  infer: ([x], { shape }) => {
    if (elementCount(x!.shape) !== elementCount(shape)) {
      throw new ShapeError('reshape', `${describeShape(x!.shape)} cannot become ${describeShape(shape)}`);
    }
    return [{ dtype: x!.dtype, shape }];
  },
  gradient: ({ inputs, outputGradients }) => [reshape(outputGradients[0]!, inputs[0]!.shape)],
  lower: ({ graph, inputs, inputTypes, outputs, attributes: { shape } }) => {
    // 0 copies the extent at the same place, and one -1 is inferred: most symbolic shapes need no run-time arithmetic.
    const from = inputTypes[0]!.shape;
    const target = shape.map((extent, axis) => (typeof extent === 'number' ? extent : extent === from[axis] ? 0 : -1));
    const fits = target.filter((extent) => extent === -1).length <= 1 && !shape.includes(0);
    graph.node('Reshape', [inputs[0]!, fits ? graph.integers(target) : graph.shapeVector(shape)], outputs, {
      allowzero: { int: fits ? 0 : 1 },
    });
  },
};

/** The axes in another order; `permutation[i]` is the input axis that becomes axis i. Default: reversed. */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  const order = permutation ?? x.shape.map((_, axis) => x.rank - 1 - axis);
  return order.every((axis, index) => axis === index) && order.length === x.rank
    ? x
    : applySingle(transposeOperation, [x], { permutation: order });
}

const transposeOperation: Operation<{ permutation: readonly number[] }> = {
  name: 'transpose',
  infer: ([x], { permutation }) => {
    const isPermutation =
      permutation.length === x!.shape.length && x!.shape.every((_, axis) => permutation.includes(axis));
    if (!isPermutation) {
      throw new ShapeError('transpose', `[${permutation}] is no permutation of the ${x!.shape.length} axes`);
    }
    return [{ dtype: x!.dtype, shape: permutation.map((axis) => x!.shape[axis]!) }];
  },
  gradient: ({ outputGradients, attributes: { permutation } }) => [
    transpose(
      outputGradients[0]!,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    ),
  ],
  lower: ({ graph, inputs, outputs, attributes: { permutation } }) =>
    graph.node('Transpose', inputs, outputs, { perm: { ints: permutation } }),
};

/** `x` repeated along its extents of 1, and along new leading axes, up to `shape`. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : applySingle(broadcastOperation, [x], { shape });
}

const broadcastOperation: Operation<{ shape: Shape }> = {
  name: 'broadcastTo',
  infer: ([x], { shape }) => {
    const result = broadcastShapes(x!.shape, shape);
    if (result === undefined || !sameShape(result, shape)) {
      throw new ShapeError('broadcastTo', `${describeShape(x!.shape)} does not broadcast to ${describeShape(shape)}`);
    }
    return [{ dtype: x!.dtype, shape }];
  },
  gradient: ({ inputs, outputGradients }) => [sumToShape(outputGradients[0]!, inputs[0]!.shape)],
  lower: ({ graph, inputs, outputs, attributes: { shape } }) =>
    graph.node('Expand', [inputs[0]!, graph.shapeVector(shape)], outputs),
};

/** Elements `start` up to, not including, `end` (default: to the last) along `axis`; a negative `end` counts from it. */
export function slice(x: Tensor, axis: number, start: number, end?: number): Tensor {
  return applySingle(sliceOperation, [x], { axis: resolveAxis('slice', axis, x.rank), start, end });
}

const sliceOperation: Operation<{ axis: number; start: number; end: number | undefined }> = {
  name: 'slice',
  infer: ([x], { axis, start, end }) => {
    const extent = x!.shape[axis]!;
    const stop: Dimension = end === undefined ? extent : end < 0 ? addDimensions(extent, end) : end;
    const length = addDimensions(stop, -start);
    if (start < 0 || (typeof length === 'number' && length < 0)) {
      throw new ShapeError('slice', `[${start}, ${end ?? 'end'}) is not inside axis ${axis} of ${describeShape(x!.shape)}`);
    }
    if (typeof extent === 'number' && typeof stop === 'number' && stop > extent) {
      throw new ShapeError('slice', `end ${stop} is past the extent of axis ${axis} of ${describeShape(x!.shape)}`);
    }
    return [{ dtype: x!.dtype, shape: withDimension(x!.shape, axis, length) }];
  },
  gradient: ({ inputs, outputGradients, attributes: { axis, start, end } }) => {
    const extent = inputs[0]!.shape[axis]!;
    const after = end === undefined ? 0 : end < 0 ? -end : addDimensions(extent, -end);
    if (typeof after !== 'number') {
      throw new ShapeError('slice', `the gradient needs a numeric extent of axis ${axis}, or an end counted from it`);
    }
    return [pad(outputGradients[0]!, axis, start, after)];
  },
  lower: ({ graph, inputs, outputs, attributes: { axis, start, end } }) =>
    graph.node(
      'Slice',
      [inputs[0]!, graph.integers([start]), graph.integers([end ?? Number.MAX_SAFE_INTEGER]), graph.integers([axis])],
      outputs,
    ),
};

/** `before` and `after` zeros around the elements along `axis`. */
export function pad(x: Tensor, axis: number, before: number, after: number): Tensor {
  return applySingle(padOperation, [x], { axis: resolveAxis('pad', axis, x.rank), before, after });
}

const padOperation: Operation<{ axis: number; before: number; after: number }> = {
  name: 'pad',
  infer: ([x], { axis, before, after }) => [
    { dtype: x!.dtype, shape: withDimension(x!.shape, axis, addDimensions(x!.shape[axis]!, before + after)) },
  ],
  gradient: ({ outputGradients, attributes: { axis, before, after } }) => [
    slice(outputGradients[0]!, axis, before, after === 0 ? undefined : -after),
  ],
  lower: ({ graph, inputs, inputTypes, outputs, attributes: { axis, before, after } }) => {
    const pads = inputTypes[0]!.shape.map((_, index) => (index === axis ? before : 0));
    pads.push(...inputTypes[0]!.shape.map((_, index) => (index === axis ? after : 0)));
    graph.node('Pad', [inputs[0]!, graph.integers(pads)], outputs);
  },
};

/** Tensors joined along `axis`; all other extents are equal. */
export function concatenate(tensors: readonly Tensor[], axis: number): Tensor {
  if (tensors.length === 0) throw new ShapeError('concatenate', 'needs at least one tensor');
  return applySingle(concatenateOperation, tensors, { axis: resolveAxis('concatenate', axis, tensors[0]!.rank) });
}

const concatenateOperation: Operation<{ axis: number }> = {
  name: 'concatenate',
  infer: (inputs, { axis }) => {
    const first = inputs[0]!;
    let total: Dimension = 0;
    for (const input of inputs) {
      if (
        input.dtype !== first.dtype ||
        input.shape.length !== first.shape.length ||
        !sameShape(withDimension(input.shape, axis, 0), withDimension(first.shape, axis, 0))
      ) {
        throw new ShapeError(
          'concatenate',
          `${input.dtype}${describeShape(input.shape)} does not fit ${first.dtype}${describeShape(first.shape)} along axis ${axis}`,
        );
      }
      total = addDimensions(total, input.shape[axis]!);
    }
    return [{ dtype: first.dtype, shape: withDimension(first.shape, axis, total) }];
  },
  gradient: ({ inputs, outputGradients, attributes: { axis } }) =>
    split(
      outputGradients[0]!,
      axis,
      inputs.map((input) => input.shape[axis]!),
    ),
  lower: ({ graph, inputs, outputs, attributes: { axis } }) =>
    graph.node('Concat', inputs, outputs, { axis: { int: axis } }),
};

/** `x` cut along `axis` into pieces of the given extents, which add up to its own. */
export function split(x: Tensor, axis: number, extents: readonly Dimension[]): readonly Tensor[] {
  return applyOperation(splitOperation, [x], { axis: resolveAxis('split', axis, x.rank), extents });
}

const splitOperation: Operation<{ axis: number; extents: readonly Dimension[] }> = {
  name: 'split',
  infer: ([x], { axis, extents }) => {
    const total = extents.reduce<Dimension>(addDimensions, 0);
    if (total !== x!.shape[axis]) {
      throw new ShapeError('split', `[${extents.join(', ')}] does not add up to axis ${axis} of ${describeShape(x!.shape)}`);
    }
    return extents.map((extent) => ({ dtype: x!.dtype, shape: withDimension(x!.shape, axis, extent) }));
  },
  gradient: ({ outputs, outputGradients, attributes: { axis } }) => [
    concatenate(
      outputs.map((output, index) => outputGradients[index] ?? zeros(output)),
      axis,
    ),
  ],
  lower: ({ graph, inputs, outputs, attributes: { axis, extents } }) =>
    graph.node('Split', [inputs[0]!, graph.shapeVector(extents)], outputs, { axis: { int: axis } }),
};

/** Zeros of the type and shape of `like`. */
export function zeros(like: Tensor): Tensor {
  return applySingle(fullOperation, [], { shape: like.shape, value: 0 });
}

/** A float32 tensor of one repeated value; symbols in `shape` must appear in an input of the compiled function. */
export function full(shape: Shape, value: number): Tensor {
  return applySingle(fullOperation, [], { shape, value });
}

const fullOperation: Operation<{ shape: Shape; value: number }> = {
  name: 'full',
  infer: (_inputs, { shape }) => [{ dtype: 'float32', shape }],
  gradient: () => [],
  lower: ({ graph, outputs, attributes: { shape, value } }) =>
    graph.node('Expand', [graph.float(value), graph.shapeVector(shape)], outputs),
};

/** The int64 numbers `start`, `start + 1`, ... of the given extent. */
export function range(extent: Dimension, start: Dimension = 0): Tensor {
  return applySingle(rangeOperation, [], { extent, start });
}

const rangeOperation: Operation<{ extent: Dimension; start: Dimension }> = {
  name: 'range',
  infer: (_inputs, { extent }) => [{ dtype: 'int64', shape: [extent] }],
  gradient: () => [],
  lower: ({ graph, outputs, attributes: { extent, start } }) =>
    graph.node(
      'Range',
      [graph.extent(start), graph.extent(addDimensions(start, extent)), graph.integer(1)],
      outputs,
    ),
};

/** The leading axes up to (not including) `axis` joined into one. */
export function flattenLeading(x: Tensor, axis = x.rank - 1): Tensor {
  const leading = x.shape.slice(0, axis).reduce<Dimension>(multiplyDimensions, 1);
  return reshape(x, [leading, ...x.shape.slice(axis)]);
}
