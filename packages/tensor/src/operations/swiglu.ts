import { customGradient } from '../custom-gradient.ts';
import { describeShape, sameShape } from '../dimension.ts';
import { ShapeError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import { add, multiply, sigmoid, subtract } from './elementwise.ts';

/**
 * The gated product of SwiGLU (Shazeer 2020, arXiv 2002.05202, equation 5): silu(gate) up, element by element.
 *
 * @param gate float32, of any shape
 * @param up float32, of the same shape
 * @throws ShapeError when the shapes differ.
 */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  if (!sameShape(gate.shape, up.shape)) {
    throw new ShapeError(
      'swiglu',
      `gate ${describeShape(gate.shape)} and up ${describeShape(up.shape)} must have the same shape`,
    );
  }
  return customGradient('swiglu', [gate, up], (gate, up) => {
    const gateSigmoid = sigmoid(gate);
    const activated = multiply(gate, gateSigmoid);
    return {
      value: multiply(activated, up),
      // silu' = sigmoid (1 + gate - silu)
      gradient: (g) => [
        multiply(multiply(g, up), multiply(gateSigmoid, add(subtract(gate, activated), 1))),
        multiply(g, activated),
      ],
    };
  });
}
