/** Rotary position embedding: how fast each pair of features turns. */
export type RotaryConfig =
  | DefaultRotary
  | LinearRotary
  | DynamicRotary
  | Llama3Rotary
  | YarnRotary
  | LongRotary;

interface RotaryCommon {
  readonly base: number;
  /** How many features of a head turn: the first ones, an even number. The others stay as they are. */
  readonly features: number;
}

/** Su et al. 2021: pair i of d / 2 turns by base^(-2i / d) radians a position. */
export interface DefaultRotary extends RotaryCommon {
  readonly kind: 'default';
}

/** Position interpolation (Chen et al. 2023): every frequency divided by `factor`. */
export interface LinearRotary extends RotaryCommon {
  readonly kind: 'linear';
  readonly factor: number;
}

/**
 * A base that grows with the sequence (bloc97 2023, "dynamic NTK"): by (factor n / maximumPositions - factor + 1)^(d / (d -
 * 2)) for sequences of n > maximumPositions.
 */
export interface DynamicRotary extends RotaryCommon {
  readonly kind: 'dynamic';
  readonly factor: number;
  readonly maximumPositions: number;
}

/** Llama 3.1: slow frequencies divided by `factor`, fast ones kept, those between interpolated. */
export interface Llama3Rotary extends RotaryCommon {
  readonly kind: 'llama3';
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalMaximumPositions: number;
}

/**
 * YaRN (Peng et al. 2023, arXiv 2309.00071): as llama3's, by pair instead of by frequency, between the pairs that make
 * `betaFast` and `betaSlow` turns within the original context.
 */
export interface YarnRotary extends RotaryCommon {
  readonly kind: 'yarn';
  readonly factor: number;
  readonly originalMaximumPositions: number;
  readonly betaFast: number;
  readonly betaSlow: number;
  /** Whether the bounds are rounded to whole pairs. */
  readonly truncate: boolean;
  /** Factor on cosines and sines. */
  readonly attentionFactor: number;
}

/**
 * LongRoPE (Ding et al. 2024, arXiv 2402.13753): a divisor for every frequency; `longFactors` for sequences beyond
 * `originalMaximumPositions`, else `shortFactors`, both [features / 2].
 */
export interface LongRotary extends RotaryCommon {
  readonly kind: 'longrope';
  readonly shortFactors: readonly number[];
  readonly longFactors: readonly number[];
  readonly originalMaximumPositions: number;
  /** Factor on cosines and sines. */
  readonly attentionFactor: number;
}
