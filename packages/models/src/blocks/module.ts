import type { Tensor } from '@safetune/tensor';
import type { LinearPlace } from '../linear.ts';
import type { BlockContext } from './block-context.ts';

/** Which tensors of a checkpoint something uses. */
export interface ModuleTensors {
  /** All but those of the linear layers. */
  readonly tensors: readonly TensorPlace[];
  /** The linear layers, in the order of computation. */
  readonly linears: readonly LinearPlace[];
}

/** A tensor by its name in the checkpoint. */
export interface TensorPlace {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * A part of a model: which tensors of the checkpoint it uses and what it computes. Larger parts are put together of smaller
 * ones, with {@link sequence} and its like; a family's block is one of them.
 */
export interface Module extends ModuleTensors {
  /** Traces it: x [batch, seq, ...] to [batch, seq, ...]. */
  trace(x: Tensor, context: BlockContext): Tensor;
}

/** The tensors of several parts together. */
export function tensorsOf(parts: readonly ModuleTensors[]): ModuleTensors {
  return {
    tensors: parts.flatMap(({ tensors }) => tensors),
    linears: parts.flatMap(({ linears }) => linears),
  };
}
