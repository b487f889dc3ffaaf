import { ShapeError } from '../errors.ts';
import { applySingle } from '../operation.ts';
import type { Operation, Tensor } from '../tensor.ts';

/** The axes in another order; `permutation[i]` is the input axis that becomes axis i. Default: reversed. */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  const order = permutation ?? x.shape.map((_, axis) => x.rank - 1 - axis);
  if (isIdentity(order) && order.length === x.rank) return x;
  // There and back again is nothing at all.
  const before = (x.node.operation as unknown) === transposeOperation ? x.node : undefined;
  const { permutation: first } = (before?.attributes ?? {}) as { permutation?: readonly number[] };
  if (order.length === first?.length && isIdentity(order.map((axis) => first[axis]!)))
    return before!.inputs[0]!;
  return applySingle(transposeOperation, [x], { permutation: order });
}

function isIdentity(permutation: readonly number[]): boolean {
  return permutation.every((axis, index) => axis === index);
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
