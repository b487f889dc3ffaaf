import {
  broadcastTo,
  cast,
  constant,
  cos,
  type Dimension,
  hostArray,
  multiply,
  reshape,
  sin,
  type Tensor,
} from '@safetune/tensor';
import type { Llama3Rotary, RotaryConfig } from '../rotary-config.ts';

/** Cosines and sines of the angles by which queries and keys turn, both [batch, seq, headSize / 2]. */
export interface RotaryTables {
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

/**
 * Traces the angles: position times inverse frequency, in float32 as transformers computes them.
 *
 * @param positions int64 [seq] or [batch, seq]
 */
export function rotaryTables(
  positions: Tensor,
  batch: Dimension,
  headSize: number,
  config: RotaryConfig,
): RotaryTables {
  const frequencies = inverseFrequencies(headSize, config);
  const turns = reshape(cast(positions, 'float32'), [...positions.shape, 1]);
  const angles = multiply(turns, constant(hostArray(frequencies, [headSize / 2])));
  const shape = [batch, positions.shape.at(-1)!, headSize / 2];
  return { cosine: broadcastTo(cos(angles), shape), sine: broadcastTo(sin(angles), shape) };
}

/**
 * Radians a position for each pair of features, [headSize / 2]. Rounded to float32 where torch rounds: at position
 * 10,000 the last bit of a frequency is a third of a thousandth of a turn.
 */
export function inverseFrequencies(headSize: number, config: RotaryConfig): Float32Array {
  const plain = Float32Array.from(
    { length: headSize / 2 },
    (_, pair) => 1 / Math.fround(config.base ** Math.fround((2 * pair) / headSize)),
  );
  switch (config.kind) {
    case 'default':
      return plain;
    case 'linear':
      return plain.map((frequency) => frequency / config.factor);
    case 'llama3':
      return plain.map((frequency) => llama3Frequency(frequency, config));
  }
}

/** Grattafiori et al. 2024, as in Meta's reference code and transformers. */
function llama3Frequency(frequency: number, config: Llama3Rotary): number {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalMaximumPositions } = config;
  // How many turns the pair makes within the context the model was first trained on.
  const turns = (originalMaximumPositions * frequency) / (2 * Math.PI);
  if (turns < low) return frequency / factor;
  if (turns > high) return frequency;
  const smooth = (turns - low) / (high - low);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}
