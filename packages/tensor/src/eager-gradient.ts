import { GradientError } from './errors.ts';
import { gradients } from './grad.ts';
import { applySingle, type Operation } from './operation.ts';
import { multiply } from './operations/elementwise.ts';
import { after } from './operations/order.ts';
import type { Tensor } from './tensor.ts';

/**
 * `fn(input)` for a scalar function, with its gradient computed at once, in the forward pass: whatever `fn` needs in
 * between dies before the rest of the graph goes on. Right for the end of a network, where a large intermediate value
 * (logits over a vocabulary) becomes one number. Later the gradient is only scaled.
 *
 * @param fn traces a float32 scalar from `input`; tensors it captures are treated as constants
 * @param input float32
 * @param earlier computed first, so that several such ends run one after another
 * @throws GradientError when `fn` gives no scalar, or one that does not depend on `input`.
 */
export function eagerGradient(fn: (input: Tensor) => Tensor, input: Tensor, earlier: readonly Tensor[] = []): Tensor {
  const start = after(input, earlier);
  const value = fn(start);
  if (value.rank !== 0) throw new GradientError(`eagerGradient: the function gives ${value}, must give a scalar`);
  const [gradient] = gradients(value, [start]);
  return applySingle(eagerOperation, [after(value, [gradient!]), input, gradient!], null);
}

const eagerOperation: Operation<null> = {
  name: 'eagerGradient',
  infer: ([value]) => [value!],
  gradient: ({ inputs, outputGradients }) => [undefined, multiply(outputGradients[0]!, inputs[2]!), undefined],
  lower: ({ graph, inputs, outputs }) => graph.node('Identity', [inputs[0]!], outputs),
};
