import { lowRankSingularValues } from '@safetune/tensor';
import type { LoraModule } from '../adapter/module.ts';

/** What one adapted layer's update D = scale B A looks like. */
export interface ModuleSpectrum {
  readonly name: string;
  /** Rank the factors allow. */
  readonly rank: number;
  readonly scale: number;
  /** Singular values of D, largest first; min(rank, in, out) of them, all others are zero. */
  readonly singularValues: Float64Array;
  /** Frobenius norm of D, sqrt(sum s_i^2). */
  readonly frobeniusNorm: number;
  /** See {@link effectiveRank}. */
  readonly effectiveRank: number;
  /** See {@link stableRank}. */
  readonly stableRank: number;
}

/**
 * Size and shape of a module's update, without forming it.
 *
 * @throws NonFiniteError when a factor holds NaN or infinities.
 */
export function moduleSpectrum({ name, rank, scale, a, b }: LoraModule): ModuleSpectrum {
  const singularValues = lowRankSingularValues(b, a).map((value) => value * Math.abs(scale));
  return {
    name,
    rank,
    scale,
    singularValues,
    frobeniusNorm: Math.hypot(...singularValues),
    effectiveRank: effectiveRank(singularValues),
    stableRank: stableRank(singularValues),
  };
}

/**
 * Effective rank (Roy and Vetterli 2007, "The effective rank: a measure of effective dimensionality", definition 1):
 * exp(-sum_i p_i ln p_i) with p_i = s_i / sum_j s_j. Between 1 and the number of non-zero values; 0 for a zero matrix.
 */
export function effectiveRank(singularValues: Float64Array): number {
  const total = singularValues.reduce((sum, value) => sum + value, 0);
  if (total === 0) return 0;
  let entropy = 0;
  for (const value of singularValues) {
    const share = value / total;
    if (share > 0) entropy -= share * Math.log(share);
  }
  return Math.exp(entropy);
}

/**
 * Stable rank (Rudelson and Vershynin 2007): squared Frobenius norm over squared spectral norm, sum_i s_i^2 / s_1^2.
 * Between 1 and the rank; 0 for a zero matrix.
 */
export function stableRank(singularValues: Float64Array): number {
  const largest = Math.max(0, ...singularValues);
  if (largest === 0) return 0;
  return singularValues.reduce((sum, value) => sum + (value / largest) ** 2, 0);
}
