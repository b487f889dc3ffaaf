import { add, gather, type HostArray, matmul, type Tensor } from '@safetune/tensor';

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

/** The token embedding of a model: what an adapter must know of it. */
export interface EmbeddingLayer {
  /** Its module name in Hugging Face checkpoints, e.g. `model.embed_tokens`. */
  readonly name: string;
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  /** What the model multiplies the rows by that were looked up; 1 in most families. */
  readonly scale: number;
}

/**
 * Looks tokens up while tracing: int64 ids [..] and the table [vocabulary, hidden] to [.., hidden]. Default
 * {@link plainEmbedding}.
 */
export type EmbeddingFunction = (tokenIds: Tensor, layer: EmbeddingLayer, table: Tensor) => Tensor;

/** The rows of the table. */
export const plainEmbedding: EmbeddingFunction = (tokenIds, _layer, table) => gather(table, tokenIds);

/**
 * Gives a tensor of the model while tracing, by its name in `CausalLm.weights`.
 *
 * @param constant - what the model has under a name: in place from the checkpoint's files
 */
export type WeightFunction = (name: string, constant: (name: string) => Tensor) => Tensor;

/** How a forward pass computes what an adapter changes; the places it leaves alone are as in the checkpoint. */
export interface AdaptedForward {
  /** Computes linear layers and the output layer. */
  readonly linear?: LinearFunction;
  readonly embedding?: EmbeddingFunction;
  readonly weight?: WeightFunction;
}

/**
 * Something that changes a model's layers, such as LoRA: values of the host that are fed at each run by input name, and
 * the functions that use them while tracing.
 */
export interface LinearAdapter {
  readonly tensors: Readonly<Record<string, HostArray>>;
  /** The linear layers it changes: a model that lacks one refuses it. Default: not said, and then not checked. */
  readonly modules?: readonly LinearLayer[];
  linear(traced: Readonly<Record<string, Tensor>>): LinearFunction;
  /** All that it changes, where that is more than linear layers. Default: {@link linear} alone. */
  forward?(traced: Readonly<Record<string, Tensor>>): AdaptedForward;
}

/** What a forward pass, and the output layer after it, take for an adapter: nothing without one. */
export function adaptedForward(
  adapter: LinearAdapter | undefined,
  traced: Readonly<Record<string, Tensor>>,
): AdaptedForward {
  if (adapter === undefined) return {};
  return adapter.forward?.(traced) ?? { linear: adapter.linear(traced) };
}
