/** Options of `cachedAttention`. */
export interface CachedAttentionOptions {
  /** Factor on the scores. Default 1 / sqrt(headDim). */
  readonly scale?: number;
  /** How many keys a query sees, the last ones up to and with its own: sliding-window attention. Default: all. */
  readonly window?: number;
  /** Scores s, scaled, become c tanh(s / c) (Gemma Team 2024, arXiv 2408.00118). Default: none. */
  readonly softCap?: number;
}
