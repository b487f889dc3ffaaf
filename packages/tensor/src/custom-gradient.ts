import { isFloating } from './dtype.ts';
import { GradientError } from './errors.ts';
import { ancestors } from './grad.ts';
import { keptOperation } from './keep.ts';
import { applySingle, nextTraceId, type Operation } from './operation.ts';
import { stopGradientOperation } from './operations/stop-gradient.ts';
import type { Tensor } from './tensor.ts';

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
 * @param inputs every float tensor that `fn` uses, but for constants behind `stopGradient`
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
  const inside = ancestors([value.node], ({ operation, inputs }) =>
    isConstantInside(operation) ? [] : inputs,
  ).filter(({ id, operation }) => id >= firstId && !isConstantInside(operation));
  const captured = inside
    .flatMap((node) => node.inputs)
    .find((tensor) => tensor.node.id < firstId && isFloating(tensor.dtype) && !inputs.includes(tensor));
  if (captured === undefined) return;
  throw new GradientError(
    `${name} uses ${captured}, which is not among its inputs, so that no gradient would reach it`,
  );
}

/** A kept value stands for what the function itself computes, which was looked at when it was first traced. */
function isConstantInside(operation: unknown): boolean {
  return operation === stopGradientOperation || operation === keptOperation;
}
