import type { LayerFunction, Signature } from '@safetune/tensor';

/** A part of the step: its function, and the signature it is traced over. */
export interface Part {
  readonly signature: Signature;
  readonly trace: LayerFunction<Signature>;
}
