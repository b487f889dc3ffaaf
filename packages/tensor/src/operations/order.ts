import { applySingle, requireDtype } from '../operation.ts';
import type { Operation, Tensor } from '../tensor.ts';

/**
 * `x`, but computed only once every one of `earlier` is. ONNX Runtime orders operations by need alone: it would
 * compute parameter gradients last, keeping every layer's activations for them, and would merge a recomputation with
 * the first computation. This makes the order, and the difference, part of the data flow.
 *
 * @param x float32
 * @param earlier float32, of any shape
 * @throws ShapeError for another element type.
 */
export function after(x: Tensor, earlier: readonly Tensor[]): Tensor {
  return earlier.length === 0 ? x : applySingle(afterOperation, [x, ...earlier], null);
}

const afterOperation: Operation<null> = {
  name: 'after',
  infer: (inputs) => {
    requireDtype('after', inputs, 'float32');
    return [inputs[0]!];
  },
  gradient: ({ inputs, outputGradients }) =>
    inputs.map((_, index) => (index === 0 ? outputGradients[0] : undefined)),
  lower: ({ graph, inputs, inputTypes, outputs }) => {
    const [x, ...earlier] = inputs as [string, ...string[]];
    // The sum of each, times zero, added to x: nothing folds it away. Summing costs less than the memory planner's time
    // for the nodes that pick one element.
    const sums = earlier.map((name, index) =>
      inputTypes[index + 1]!.shape.length === 0
        ? name
        : graph.value('ReduceSum', [name], { keepdims: { int: 0 } }),
    );
    const total = sums.length === 1 ? sums[0]! : graph.value('Sum', sums);
    graph.node('Add', [x, graph.value('Mul', [total, graph.scalar(0)])], outputs);
  },
};
