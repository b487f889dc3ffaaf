import type { Tensor } from '@safetune/tensor';

/** The traced factors of an update. */
export interface TracedFactors {
  /** A [rank, in] float32 */
  readonly a: Tensor;
  /** B [out, rank] float32 */
  readonly b: Tensor;
}

/** A linear layer that is adapted: its weight W [out, in] acts as W + scale B A. */
export interface TracedModule extends TracedFactors {
  /** The layer's, such as `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  readonly scale: number;
  /** The factors at the start of training. */
  readonly start: TracedFactors;
  /** Whether B was zero at the start, as it is in a new adapter, so that the update was. */
  readonly startsAtZero: boolean;
}

/** What is trained, traced, with its values at the start of training. Graph inputs: no gradient reaches the start. */
export interface TracedParameters {
  /** Every trained tensor by its name, float32; with an adapter PEFT's, `<module>.lora_A.weight`, else the checkpoint's. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** The same at the start of training. */
  readonly start: Readonly<Record<string, Tensor>>;
  /** The adapted linear layers by name; their factors are among {@link tensors}. Empty when all weights are trained. */
  readonly modules: ReadonlyMap<string, TracedModule>;
}

/** What a penalty on parameters may use while it is traced. */
export interface ParameterContext {
  /** Where converted files may be kept. */
  readonly cacheDirectory: string;
}
