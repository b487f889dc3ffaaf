import type { HostArray } from '@safetune/tensor';
import type { TargetModule } from '../config/target-modules.ts';

/** One adapted layer: its weight W [out, in] acts as W + scale B A. */
export interface LoraModule extends TargetModule {
  /** Factor A, float32 [rank, in]: a view of the adapter's parameters. */
  readonly a: HostArray;
  /** Factor B, float32 [out, rank]: a view of the adapter's parameters. */
  readonly b: HostArray;
}
