import { gelu, geluTanh, multiply, relu, sigmoid, silu, square, swiglu, type Tensor } from '@safetune/tensor';

/** The activations there are, by the names transformers knows them by (`ACT2FN`). */
const activations = {
  silu,
  swish: silu,
  gelu,
  gelu_python: gelu,
  gelu_pytorch_tanh: geluTanh,
  gelu_new: geluTanh,
  gelu_fast: geluTanh,
  quick_gelu: (x: Tensor) => multiply(x, sigmoid(multiply(x, 1.702))),
  relu,
  relu2: (x: Tensor) => square(relu(x)),
} as const;

/** An activation by its name in config.json. */
export type Activation = keyof typeof activations;

export const activationNames = Object.keys(activations) as Activation[];

/** The activation of x, element by element. */
export function activate(name: Activation, x: Tensor): Tensor {
  return activations[name](x);
}

/** activation(gate) up, element by element. */
export function gated(name: Activation, gate: Tensor, up: Tensor): Tensor {
  return activations[name] === silu ? swiglu(gate, up) : multiply(activate(name, gate), up);
}
