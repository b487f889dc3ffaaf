import { add, type HostArray, matmul, type Tensor } from '@safetune/tensor';

/** A linear layer of a model: what an adapter must know of it. */
export interface LinearLayer {
  /** Its module name in Hugging Face checkpoints, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** A linear layer whose tensors are `<name>.weight` and, when `bias`, `<name>.bias`. */
export interface LinearPlace extends LinearLayer {
  readonly bias: boolean;
}

/** The traced weights of a linear layer. */
export interface LinearWeights {
  /** [outFeatures, inFeatures] */
  readonly weight: Tensor;
  /** [outFeatures] */
  readonly bias?: Tensor;
  /** Computes x W^T, [..., inFeatures] to [..., outFeatures], where the weight is held in another form; use it if it is there. */
  readonly product?: (x: Tensor) => Tensor;
}

/** Computes a linear layer while tracing: x [..., inFeatures] to [..., outFeatures]. Default {@link plainLinear}. */
export type LinearFunction = (x: Tensor, layer: LinearLayer, weights: LinearWeights) => Tensor;

/** x W^T + b. */
export const plainLinear: LinearFunction = (x, _layer, weights) => {
  const product = linearProduct(x, weights);
  return weights.bias === undefined ? product : add(product, weights.bias);
};

/** x W^T. */
export function linearProduct(x: Tensor, { weight, product }: Omit<LinearWeights, 'bias'>): Tensor {
  return product === undefined ? matmul(x, weight, { transposeB: true }) : product(x);
}

/**
 * Something that changes a model's linear layers, such as LoRA: values of the host that are fed at each run by input
 * name, and the function that uses them while tracing.
 */
export interface LinearAdapter {
  readonly tensors: Readonly<Record<string, HostArray>>;
  /** The layers it changes: a model that lacks one refuses it. Default: not said, and then not checked. */
  readonly modules?: readonly LinearLayer[];
  linear(traced: Readonly<Record<string, Tensor>>): LinearFunction;
}
