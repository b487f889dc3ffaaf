import { GradientError } from './errors.ts';
import { pullBack } from './grad.ts';
import { applyOperation } from './operation.ts';
import { multiply } from './operations/elementwise.ts';
import { scalar } from './operations/leaf.ts';
import { after } from './operations/order.ts';
import type { Operation, Tensor } from './tensor.ts';

/** What the function of {@link eagerGradient} gives: the scalar, and values to look at, through which no gradient flows. */
export interface EagerValue {
  readonly value: Tensor;
  readonly observed: readonly Tensor[];
}

/**
 * A scalar function of `input` whose gradient is computed at once, in the forward pass: whatever the function needs in
 * between dies before the rest of the graph goes on. Right for the end of a network, where a large intermediate value
 * (logits over a vocabulary) becomes one number. Later the gradient is only scaled.
 *
 * @param fn traces a float32 scalar from `input`; tensors it captures are treated as constants
 * @param input float32
 * @param earlier computed first, so that several such ends run one after another
 * @throws GradientError when `fn` gives no scalar, or one that does not depend on `input`.
 */
export function eagerGradient(
  fn: (input: Tensor) => EagerValue,
  input: Tensor,
  earlier: readonly Tensor[] = [],
): EagerValue {
  const start = after(input, earlier);
  const { value, observed } = fn(start);
  if (value.rank !== 0)
    throw new GradientError(`eagerGradient: the function gives ${value}, must give a scalar`);
  // What the gradient needs besides the forward values (a one-hot of the labels, say) must not be made before them.
  const [gradient] = pullBack([{ output: value, gradient: after(scalar(1), [value]) }], [start]);
  const [result, ...seen] = applyOperation(
    eagerOperation,
    [input, gradient!, after(value, [gradient!]), ...observed],
    null,
  );
  return { value: result!, observed: seen };
}

const eagerOperation: Operation<null> = {
  name: 'eagerGradient',
  passesOn: 2,
  infer: ([_input, _gradient, ...values]) => values,
  gradient: ({ inputs, outputGradients }) => {
    const arrived = outputGradients[0];
    return inputs.map((_, index) =>
      index === 0 && arrived !== undefined ? multiply(arrived, inputs[1]!) : undefined,
    );
  },
  lower: ({ graph, inputs, outputs }) => {
    outputs.forEach((output, index) => {
      graph.node('Identity', [inputs[index + 2]!], [output]);
    });
  },
};
