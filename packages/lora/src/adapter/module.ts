import type { HostArray } from '@safetune/tensor';
import type { TargetModule } from '../config/target-modules.ts';
import type { EmbeddingTarget, ReplacedWeight, TokenRows } from './parts.ts';

/** The two factors of an update. */
export interface Factors {
  /** float32 [rank, in] */
  readonly a: HostArray;
  /** float32 [out, rank] */
  readonly b: HostArray;
}

/** One adapted layer: its weight W [out, in] acts as W + scale B A; the factors are views of the adapter's parameters. */
export interface LoraModule extends TargetModule, Factors {
  /** DoRA's norms, float32 [out]: row o of the weight that acts is scaled to this norm. */
  readonly magnitude?: HostArray;
  /** What the factors started from, where that is a part of the weight: the update is scale (B A - B0 A0). */
  readonly origin?: Factors;
}

/** An adapted embedding: its table W [vocabulary, hidden] acts as W + scale (B A)^T. */
export interface EmbeddingModule extends EmbeddingTarget, Factors {
  /** DoRA's norms, float32 [hidden], of the columns. */
  readonly magnitude?: HostArray;
}

/** A tensor that stands in for one of the model's. */
export interface ReplacedTensor extends ReplacedWeight {
  readonly values: HostArray;
}

/** Rows that stand in for some of an embedding's, or of the output layer's. */
export interface TokenEmbeddings extends TokenRows {
  /** float32 [tokens, hidden] */
  readonly values: HostArray;
}
