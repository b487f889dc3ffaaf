import { add, type HostArray, matmul, type Tensor } from '@safetune/tensor';
import { AdapterMismatchError } from '../errors.ts';
import { addLowRankUpdate } from './low-rank-update.ts';
import { nameOfA, nameOfB } from './tensor-names.ts';

/** A linear layer of a model, by its name in the checkpoint without `.weight`. */
export interface LinearLayer {
  /** Such as `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** Traced weights of a linear layer. */
export interface LinearWeights {
  /** [out, in] */
  readonly weight: Tensor;
  /** [out] */
  readonly bias?: Tensor;
  /** Computes x W^T, [..., in] to [..., out], where the weight is held in another form, such as 8 bits. */
  readonly product?: (x: Tensor) => Tensor;
}

/** Stands in for a model's linear layers while tracing: x [..., in] to [..., out]. */
export type LinearFunction = (x: Tensor, layer: LinearLayer, weights: LinearWeights) => Tensor;

/** The token embedding of a model, by its name in the checkpoint without `.weight`. */
export interface EmbeddingLayer {
  /** Such as `model.embed_tokens`. */
  readonly name: string;
  readonly vocabularySize: number;
  readonly hiddenSize: number;
}

/** Stands in for a model's embedding while tracing: int64 ids [...] and the table [vocabulary, hidden] to [..., hidden]. */
export type EmbeddingFunction = (tokenIds: Tensor, layer: EmbeddingLayer, table: Tensor) => Tensor;

/** Stands in for a model's tensors while tracing; `constant` gives those of the checkpoint. */
export type WeightFunction = (name: string, constant: (name: string) => Tensor) => Tensor;

/** Something that changes a model's layers: values fed at each run, and the functions that use them traced. */
export interface LinearAdapter {
  /** float32 host values by input name; declare inputs of these shapes in the compiled signature. */
  readonly tensors: Readonly<Record<string, HostArray>>;
  /** @param traced - the graph's tensors for {@link tensors}, by the same names. */
  linear(traced: Readonly<Record<string, Tensor>>): LinearFunction;
}

/** What the adapted linear needs of an adapter's module. */
export interface LowRankUpdate {
  /** Name of the layer it updates. */
  readonly name: string;
  /** Factor on the product of the two matrices. */
  readonly scale: number;
}

/** A linear layer without an adapter: `x W^T + b`. */
export const baseLinear: LinearFunction = (x, _layer, { weight, bias, product }) => {
  const output = product === undefined ? matmul(x, weight, { transposeB: true }) : product(x);
  return bias === undefined ? output : add(output, bias);
};

/**
 * The linear function of LoRA (Hu et al. 2021, arXiv 2106.09685, equation 3): `base(x) + scale (x A^T) B^T` in the
 * layers that `updates` name, `base(x)` in all others.
 *
 * @param updates - the adapted modules.
 * @param traced - A [rank, in] and B [out, rank] of each, under {@link nameOfA} and {@link nameOfB}.
 * @param base - the function to add to; default {@link baseLinear}.
 * @throws AdapterMismatchError when a factor is not among `traced` or does not fit its layer.
 */
export function lowRankLinear(
  updates: readonly LowRankUpdate[],
  traced: Readonly<Record<string, Tensor>>,
  base: LinearFunction = baseLinear,
): LinearFunction {
  const factors = new Map(
    updates.map(({ name, scale }) => {
      const [a, b] = [traced[nameOfA(name)], traced[nameOfB(name)]];
      if (a === undefined || b === undefined) {
        const missing = a === undefined ? nameOfA(name) : nameOfB(name);
        throw new AdapterMismatchError(
          name,
          `no tensor '${missing}' was given; declare an input for each of adapter.tensors`,
        );
      }
      return [name, { a, b, scale }];
    }),
  );
  return (x, layer, weights) => {
    const output = base(x, layer, weights);
    const factor = factors.get(layer.name);
    if (factor === undefined) return output;
    const { a, b } = factor;
    if (a.shape[1] !== layer.inFeatures || b.shape[0] !== layer.outFeatures) {
      throw new AdapterMismatchError(
        layer.name,
        `factors A [${a.shape}] and B [${b.shape}] do not fit a layer of ${layer.inFeatures} inputs and ${layer.outFeatures} outputs`,
      );
    }
    return addLowRankUpdate(output, x, factor);
  };
}
