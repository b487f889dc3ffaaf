import { applySingle } from '../operation.ts';
import type { Operation, Tensor } from '../tensor.ts';

/** The same value, through which no gradient flows. */
export function stopGradient(x: Tensor): Tensor {
  return applySingle(stopGradientOperation, [x], null);
}

/** Known to differentiation: what lies behind it is constant, whether or not it has a derivative. */
export const stopGradientOperation: Operation<null> = {
  name: 'stopGradient',
  passesOn: 0,
  infer: ([x]) => [x!],
  gradient: () => [undefined],
  lower: ({ graph, inputs, outputs }) => graph.node('Identity', inputs, outputs),
};
