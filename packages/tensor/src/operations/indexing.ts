import {
  canonicalShape,
  type Dimension,
  describeShape,
  elementCount,
  type Shape,
  sameShape,
} from '../dimension.ts';
import { ShapeError } from '../errors.ts';
import { applySingle, requireDtype, resolveAxis, withDimension } from '../operation.ts';
import type { Operation, Tensor } from '../tensor.ts';
import type { TensorType } from '../tensor-type.ts';
import { broadcastTo } from './broadcast.ts';
import { reshape } from './shape.ts';

function requireIndices(operation: string, indices: TensorType): void {
  if (indices.dtype !== 'int64') {
    throw new ShapeError(operation, `the indices are ${indices.dtype}, must be int64; cast() them first`);
  }
}

/** Rows of a table: `result[i..., :] = table[indices[i...], :]` along axis 0. Indices are int64, not negative. */
export function gather(table: Tensor, indices: Tensor): Tensor {
  return applySingle(gatherOperation, [table, indices], null);
}

const gatherOperation: Operation<null> = {
  name: 'gather',
  infer: ([table, indices]) => {
    requireIndices('gather', indices!);
    if (table!.shape.length === 0) throw new ShapeError('gather', 'the table has no axis to index');
    return [{ dtype: table!.dtype, shape: [...indices!.shape, ...table!.shape.slice(1)] }];
  },
  gradient: ({ inputs, outputGradients }) => {
    const [table, indices] = inputs;
    return [scatterAddRows(outputGradients[0]!, indices!, table!.shape[0]!), undefined];
  },
  lower: ({ graph, inputs, outputs }) => graph.node('Gather', inputs, outputs, { axis: { int: 0 } }),
};

/**
 * A table of `rows` rows where row r is the sum of the updates whose index is r: the adjoint of {@link gather}.
 * `updates` has the shape of `indices` followed by that of a row.
 */
export function scatterAddRows(updates: Tensor, indices: Tensor, rows: Dimension): Tensor {
  const row = updates.shape.slice(indices.rank);
  if (!sameShape(updates.shape.slice(0, indices.rank), indices.shape)) {
    throw new ShapeError(
      'scatterAddRows',
      `updates ${describeShape(updates.shape)} must begin with the shape of the indices ${describeShape(indices.shape)}`,
    );
  }
  // Not ONNX's ScatterND, which suits better: ONNX Runtime's CPU kernel adds from several threads without a lock, and
  // loses updates where indices repeat.
  const count = elementCount(indices.shape);
  const flat = reshape(updates, [count, ...row]);
  const column = reshape(indices, [count, ...row.map(() => 1)]);
  return putAlong(flat, broadcastTo(column, flat.shape), [rows, ...row], 0);
}

/**
 * One element of each line along `axis`: `result[.., i, ..] = x[.., indices[.., i, ..], ..]` (torch.gather). `indices`
 * is int64 and has the shape of `x` except along `axis`.
 */
export function takeAlong(x: Tensor, indices: Tensor, axis = -1): Tensor {
  return applySingle(takeOperation, [x, indices], { axis: resolveAxis('takeAlong', axis, x.rank) });
}

const takeOperation: Operation<{ axis: number }> = {
  name: 'takeAlong',
  infer: ([x, indices], { axis }) => {
    requireIndices('takeAlong', indices!);
    if (!sameShape(withDimension(indices!.shape, axis, 0), withDimension(x!.shape, axis, 0))) {
      throw new ShapeError(
        'takeAlong',
        `indices ${describeShape(indices!.shape)} must equal ${describeShape(x!.shape)} except along axis ${axis}`,
      );
    }
    return [{ dtype: x!.dtype, shape: indices!.shape }];
  },
  gradient: ({ inputs, outputGradients, attributes: { axis } }) => [
    putAlong(outputGradients[0]!, inputs[1]!, inputs[0]!.shape, axis),
    undefined,
  ],
  lower: ({ graph, inputs, outputs, attributes: { axis } }) =>
    graph.node('GatherElements', inputs, outputs, { axis: { int: axis } }),
};

function requireFit(
  operation: string,
  updates: TensorType,
  indices: TensorType,
  shape: Shape,
  axis: number,
): void {
  const fits =
    sameShape(updates.shape, indices.shape) &&
    sameShape(withDimension(indices.shape, axis, 0), withDimension(shape, axis, 0));
  if (fits) return;
  throw new ShapeError(
    operation,
    `updates ${describeShape(updates.shape)} and indices ${describeShape(indices.shape)} must be equal, and ` +
      `equal ${describeShape(shape)} except along axis ${axis}`,
  );
}

/** Zeros of `shape` with `updates` added at `indices` along `axis`: the adjoint of {@link takeAlong}. */
export function putAlong(updates: Tensor, indices: Tensor, shape: Shape, axis = -1): Tensor {
  return applySingle(putOperation, [updates, indices], {
    shape: canonicalShape('putAlong', shape),
    axis: resolveAxis('putAlong', axis, shape.length),
  });
}

const putOperation: Operation<{ shape: Shape; axis: number }> = {
  name: 'putAlong',
  infer: ([updates, indices], { shape, axis }) => {
    requireIndices('putAlong', indices!);
    requireFit('putAlong', updates!, indices!, shape, axis);
    return [{ dtype: updates!.dtype, shape }];
  },
  gradient: ({ inputs, outputGradients, attributes: { axis } }) => [
    takeAlong(outputGradients[0]!, inputs[1]!, axis),
    undefined,
  ],
  lower: ({ graph, inputs, inputTypes, outputs, attributes: { shape, axis } }) => {
    // The extents are read off the updates: zeros that depend on nothing would be made, and held, long before them.
    const extents = shape.map((extent, at) =>
      at === axis
        ? graph.shapeVector([extent])
        : graph.value('Shape', [inputs[0]!], { start: { int: at }, end: { int: at + 1 } }),
    );
    const vector = extents.length === 1 ? extents[0]! : graph.value('Concat', extents, { axis: { int: 0 } });
    const zeros = graph.value('Expand', [graph.scalar(0, inputTypes[0]!.dtype), vector]);
    graph.node('ScatterElements', [zeros, inputs[1]!, inputs[0]!], outputs, {
      axis: { int: axis },
      reduction: { string: 'add' },
    });
  },
};

/** `x` with `updates` added at `indices` along `axis` (torch.scatter_add): {@link putAlong} into something else than zeros. */
export function addAlong(x: Tensor, updates: Tensor, indices: Tensor, axis = -1): Tensor {
  return applySingle(addAlongOperation, [x, updates, indices], {
    axis: resolveAxis('addAlong', axis, x.rank),
  });
}

const addAlongOperation: Operation<{ axis: number }> = {
  name: 'addAlong',
  infer: ([x, updates, indices], { axis }) => {
    requireIndices('addAlong', indices!);
    requireDtype('addAlong', [updates!], x!.dtype);
    requireFit('addAlong', updates!, indices!, x!.shape, axis);
    return [x!];
  },
  gradient: ({ inputs, outputGradients, attributes: { axis } }) => [
    outputGradients[0],
    takeAlong(outputGradients[0]!, inputs[2]!, axis),
    undefined,
  ],
  lower: ({ graph, inputs: [x, updates, indices], outputs, attributes: { axis } }) =>
    graph.node('ScatterElements', [x!, indices!, updates!], outputs, {
      axis: { int: axis },
      reduction: { string: 'add' },
    }),
};

/** The value of one element per row: `result[r] = x[r, column[r]]` for x [rows, columns] and column int64 [rows]. */
export function pickPerRow(x: Tensor, column: Tensor): Tensor {
  const picked = takeAlong(x, reshape(column, [...column.shape, 1]), -1);
  return reshape(picked, column.shape);
}
