import {
  addDimensions,
  canonicalShape,
  type Dimension,
  describeShape,
  elementCount,
  multiplyDimensions,
  type Shape,
  sameShape,
} from '../dimension.ts';
import type { DataType } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { applyOperation, applySingle, resolveAxis, withDimension } from '../operation.ts';
import type { Operation, Tensor } from '../tensor.ts';
import type { TensorType } from '../tensor-type.ts';

export { transpose } from './transpose.ts';

/**
 * The same elements in row-major order under another shape.
 *
 * @throws ShapeError when the numbers of elements differ.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const target = canonicalShape('reshape', shape);
  if (sameShape(x.shape, target)) return x;
  // There and back again is nothing at all.
  const before = (x.node.operation as unknown) === reshapeOperation ? x.node.inputs[0]! : undefined;
  if (before !== undefined && sameShape(before.shape, target)) return before;
  return applySingle(reshapeOperation, [x], { shape: target });
}

const reshapeOperation: Operation<{ shape: Shape }> = {
  name: 'reshape',
  passesOn: 0,
  infer: ([x], { shape }) => {
    if (elementCount(x!.shape) !== elementCount(shape)) {
      throw new ShapeError('reshape', `${describeShape(x!.shape)} cannot become ${describeShape(shape)}`);
    }
    return [{ dtype: x!.dtype, shape }];
  },
  gradient: ({ inputs, outputGradients }) => [reshape(outputGradients[0]!, inputs[0]!.shape)],
  lower: ({ graph, inputs, inputTypes, outputs, attributes: { shape } }) => {
    // 0 copies the extent at the same place, and one -1 is inferred: most symbolic shapes need no run-time arithmetic.
    // Not both in one: where the copied extent is 0, nothing can be inferred.
    const from = inputTypes[0]!.shape;
    const target = shape.map((extent, axis) =>
      typeof extent === 'number' ? extent : extent === from[axis] ? 0 : -1,
    );
    const inferred = target.filter((extent) => extent === -1).length;
    const fits = !shape.includes(0) && (inferred === 0 || (inferred === 1 && !target.includes(0)));
    const isStatic = shape.every((extent) => typeof extent === 'number');
    const fitting = isStatic ? graph.integers(target) : graph.runtimeIntegers(target);
    graph.node('Reshape', [inputs[0]!, fits ? fitting : graph.shapeVector(shape)], outputs, {
      allowzero: { int: fits ? 0 : 1 },
    });
  },
};

/**
 * Elements `start` up to, not including, `end` (default: to the last) along `axis`; a negative `end` counts from it.
 * Along an extent known only at run time, the caller answers for `end` lying inside.
 */
export function slice(x: Tensor, axis: number, start: number, end?: Dimension): Tensor {
  return applySingle(sliceOperation, [x], { axis: resolveAxis('slice', axis, x.rank), start, end });
}

const sliceOperation: Operation<{ axis: number; start: number; end: Dimension | undefined }> = {
  name: 'slice',
  infer: ([x], { axis, start, end }) => {
    const extent = x!.shape[axis]!;
    const stop =
      end === undefined ? extent : typeof end === 'number' && end < 0 ? addDimensions(extent, end) : end;
    const length = addDimensions(stop, -start);
    if (!Number.isInteger(start) || start < 0 || (typeof length === 'number' && length < 0)) {
      throw new ShapeError(
        'slice',
        `[${start}, ${end ?? 'end'}) is not inside axis ${axis} of ${describeShape(x!.shape)}`,
      );
    }
    if (typeof extent === 'number' && typeof stop === 'number' && stop > extent) {
      throw new ShapeError(
        'slice',
        `end ${stop} is past the extent of axis ${axis} of ${describeShape(x!.shape)}`,
      );
    }
    return [{ dtype: x!.dtype, shape: withDimension(x!.shape, axis, length) }];
  },
  gradient: ({ inputs, outputGradients, attributes: { axis, start, end } }) => {
    const extent = inputs[0]!.shape[axis]!;
    const fromEnd = typeof end === 'number' && end < 0;
    const after = end === undefined ? 0 : fromEnd ? -end : addDimensions(extent, multiplyDimensions(end, -1));
    return [pad(outputGradients[0]!, axis, start, after)];
  },
  lower: ({ graph, inputs, outputs, attributes: { axis, start, end } }) =>
    graph.node(
      'Slice',
      [
        inputs[0]!,
        graph.integers([start]),
        graph.shapeVector([end ?? Number.MAX_SAFE_INTEGER]),
        graph.integers([axis]),
      ],
      outputs,
    ),
};

/** `before` and `after` zeros around the elements along `axis`. */
export function pad(x: Tensor, axis: number, before: number, after: Dimension): Tensor {
  return applySingle(padOperation, [x], { axis: resolveAxis('pad', axis, x.rank), before, after });
}

const padOperation: Operation<{ axis: number; before: number; after: Dimension }> = {
  name: 'pad',
  infer: ([x], { axis, before, after }) => {
    if (
      [before, after].some((zeros) => typeof zeros === 'number' && !(Number.isInteger(zeros) && zeros >= 0))
    ) {
      throw new ShapeError(
        'pad',
        `${describeShape(x!.shape)} cannot get ${before} and ${after} zeros along axis ${axis}`,
      );
    }
    const extent = addDimensions(addDimensions(x!.shape[axis]!, before), after);
    return [{ dtype: x!.dtype, shape: withDimension(x!.shape, axis, extent) }];
  },
  gradient: ({ inputs, outputGradients, attributes: { axis, before } }) => [
    slice(outputGradients[0]!, axis, before, addDimensions(inputs[0]!.shape[axis]!, before)),
  ],
  lower: ({ graph, inputs, inputTypes, outputs, attributes: { axis, before, after } }) => {
    const along = (zeros: Dimension) => inputTypes[0]!.shape.map((_, index) => (index === axis ? zeros : 0));
    graph.node('Pad', [inputs[0]!, graph.shapeVector([...along(before), ...along(after)])], outputs);
  },
};

/** Tensors joined along `axis`; all other extents are equal. */
export function concatenate(tensors: readonly Tensor[], axis: number): Tensor {
  if (tensors.length === 0) throw new ShapeError('concatenate', 'needs at least one tensor');
  return applySingle(concatenateOperation, [...tensors], {
    axis: resolveAxis('concatenate', axis, tensors[0]!.rank),
  });
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
  return applyOperation(splitOperation, [x], {
    axis: resolveAxis('split', axis, x.rank),
    extents: canonicalShape('split', extents),
  });
}

const splitOperation: Operation<{ axis: number; extents: readonly Dimension[] }> = {
  name: 'split',
  infer: ([x], { axis, extents }) => {
    const total = extents.reduce<Dimension>(addDimensions, 0);
    if (total !== x!.shape[axis]) {
      throw new ShapeError(
        'split',
        `[${extents.join(', ')}] does not add up to axis ${axis} of ${describeShape(x!.shape)}`,
      );
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
  return full(like.shape, 0, like.dtype);
}

/** A tensor of one repeated value; symbols in `shape` must appear in an input of the compiled function. */
export function full(shape: Shape, value: number, dtype: DataType = 'float32'): Tensor {
  return applySingle(fullOperation, [], { type: { dtype, shape: canonicalShape('full', shape) }, value });
}

const fullOperation: Operation<{ type: TensorType; value: number }> = {
  name: 'full',
  infer: (_inputs, { type }) => [type],
  gradient: () => [],
  lower: ({ graph, outputs, attributes: { type, value } }) =>
    graph.node('Expand', [graph.scalar(value, type.dtype), graph.shapeVector(type.shape)], outputs),
};

/** The int64 numbers `start`, `start + 1`, ... of the given extent. */
export function range(extent: Dimension, start: Dimension = 0): Tensor {
  return applySingle(rangeOperation, [], { extent, start });
}

const rangeOperation: Operation<{ extent: Dimension; start: Dimension }> = {
  name: 'range',
  infer: (_inputs, { extent }) => [{ dtype: 'int64', shape: canonicalShape('range', [extent]) }],
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
