import { gelu, geluTanh, multiply, relu, sigmoid, silu, square, swiglu, type Tensor } from '@safetune/tensor';

/** The activations there are, by the names transformers knows them by (`ACT2FN`). */
const activations = {
  silu,
  gelu,
  gelu_pytorch_tanh: geluTanh,
  quick_gelu: (x: Tensor) => multiply(x, sigmoid(multiply(x, 1.702))),
  relu,
  relu2: (x: Tensor) => square(relu(x)),
} as const;

/** An activation. */
export type Activation = keyof typeof activations;

/** Every name there is in config.json, and the activation that it stands for. */
export const activationNames: ReadonlyMap<string, Activation> = new Map([
  ...(Object.keys(activations) as Activation[]).map((name) => [name, name] as const),
  ['swish', 'silu'],
  ['gelu_python', 'gelu'],
  ['gelu_new', 'gelu_pytorch_tanh'],
  ['gelu_fast', 'gelu_pytorch_tanh'],
]);

/** The activation of x, element by element. */
export function activate(name: Activation, x: Tensor): Tensor {
  return activations[name](x);
}

/** activation(gate) up, element by element. */
export function gated(name: Activation, gate: Tensor, up: Tensor): Tensor {
  return name === 'silu' ? swiglu(gate, up) : multiply(activate(name, gate), up);
}
