import { isFloating } from './dtype.ts';
import { GradientError } from './errors.ts';
import { ancestorsSince } from './grad.ts';
import { keptOperation } from './keep.ts';
import { applySingle, nextTraceId } from './operation.ts';
import { constantOperation, weightOperation } from './operations/leaf.ts';
import { stopGradientOperation } from './operations/stop-gradient.ts';
import type { Operation, Tensor } from './tensor.ts';

/** What the function of {@link customGradient} gives. */
export interface ValueWithGradient {
  readonly value: Tensor;
  /**
   * Traces the gradients with respect to the inputs, in their order, given that of the value; undefined where none
   * flows. It may use whatever the function computed. Those that nobody wants are never computed.
   */
  gradient(ofValue: Tensor): readonly (Tensor | undefined)[];
}

/**
 * `fn(...inputs)` with a derivative written by hand, where that of the composition would take more passes over memory or
 * lose digits (as `jax.custom_vjp`). The derivative can be differentiated again: through the operations it is written in.
 *
 * @param name for messages
 * @param inputs every float tensor that `fn` uses; only constants, weights in files, and what `stopGradient` gave, it may use besides
 * @param fn a pure tracing function
 * @throws GradientError when `fn` uses a float tensor that is not among the inputs, which no gradient would reach, or
 * (when differentiated) when it does not give one gradient, or undefined, for each input.
 *
 * @example
 * const square = (x: Tensor) =>
 *   customGradient('square', [x], (x) => ({ value: multiply(x, x), gradient: (g) => [multiply(multiply(g, x), 2)] }));
 */
export function customGradient(
  name: string,
  inputs: readonly Tensor[],
  fn: (...inputs: Tensor[]) => ValueWithGradient,
): Tensor {
  const firstId = nextTraceId();
  const { value, gradient } = fn(...inputs);
  requireEveryInput(name, value, inputs, firstId);
  const operation: Operation<null> = {
    name,
    passesOn: 0,
    infer: ([value]) => [value!],
    gradient: ({ outputGradients }) => {
      const found = gradient(outputGradients[0]!);
      if (found.length === inputs.length) return [undefined, ...found];
      throw new GradientError(`${name} gives ${found.length} gradients for ${inputs.length} inputs`);
    },
    lower: ({ graph, inputs, outputs }) => graph.node('Identity', [inputs[0]!], outputs),
  };
  return applySingle(operation, [value, ...inputs], null);
}

function requireEveryInput(name: string, value: Tensor, inputs: readonly Tensor[], firstId: number): void {
  const inside = ancestorsSince(firstId, [value.node], ({ operation, inputs }) =>
    isConstant(operation) ? [] : inputs,
  ).filter(({ operation }) => !isConstant(operation));
  const captured = [value, ...inside.flatMap((node) => node.inputs)].find(
    (tensor) =>
      tensor.node.id < firstId &&
      isFloating(tensor.dtype) &&
      !isConstant(tensor.node.operation) &&
      !inputs.includes(tensor),
  );
  if (captured === undefined) return;
  throw new GradientError(
    `${name} uses ${captured}, which is not among its inputs, so that no gradient would reach it`,
  );
}

/** No gradient flows there. A kept value stands for what the function itself computes: seen when it was first traced. */
function isConstant(operation: unknown): boolean {
  return (
    operation === stopGradientOperation ||
    operation === constantOperation ||
    operation === weightOperation ||
    operation === keptOperation
  );
}
