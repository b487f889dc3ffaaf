import { applySingle, type Operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';

/**
 * `x`, but computed only once every one of `earlier` is. ONNX Runtime orders operations by need alone: it would
 * compute parameter gradients last, keeping every layer's activations for them, and would merge a recomputation with
 * the first computation. This makes the order, and the difference, part of the data flow.
 *
 * @param x float32
 * @param earlier float32, of any shape
 */
export function after(x: Tensor, earlier: readonly Tensor[]): Tensor {
  return earlier.length === 0 ? x : applySingle(afterOperation, [x, ...earlier], null);
}

const afterOperation: Operation<null> = {
  name: 'after',
  infer: ([x]) => [x!],
  gradient: ({ inputs, outputGradients }) =>
    inputs.map((_, index) => (index === 0 ? outputGradients[0] : undefined)),
  lower: ({ graph, inputs, inputTypes, outputs }) => {
    const [x, ...earlier] = inputs as [string, ...string[]];
    // One element of each, summed, times zero, added to x: costs nothing, and nothing folds it away.
    const elements = earlier.map((name, index) => {
      const rank = inputTypes[index + 1]!.shape.length;
      if (rank === 0) return name;
      const axes = inputTypes[index + 1]!.shape.map((_, axis) => axis);
      const [starts, ends] = [axes.map(() => 0), axes.map(() => 1)];
      const element = graph.value('Slice', [
        name,
        graph.integers(starts),
        graph.integers(ends),
        graph.integers(axes),
      ]);
      return graph.value('ReduceSum', [element, graph.integers(axes)], { keepdims: { int: 0 } });
    });
    const total = elements.length === 1 ? elements[0]! : graph.value('Sum', elements);
    graph.node('Add', [x, graph.value('Mul', [total, graph.scalar(0)])], outputs);
  },
};
