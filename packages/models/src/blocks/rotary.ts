import {
  add,
  broadcastTo,
  cast,
  concatenate,
  constant,
  cos,
  type Dimension,
  exp,
  greater,
  hostArray,
  log,
  max,
  maximum,
  multiply,
  reshape,
  rotary,
  sin,
  split,
  type Tensor,
  where,
} from '@safetune/tensor';
import { inverseFrequencies, longFrequencies } from './frequencies.ts';
import type { DynamicRotary, RotaryConfig } from './rotary-config.ts';

/** Cosines and sines of the angles by which queries and keys turn, both [batch, seq, features / 2]. */
export interface RotaryTables {
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

/**
 * Traces the angles: position times inverse frequency, in float32 as transformers computes them.
 *
 * @param positions int64 [seq] or [batch, seq]
 */
export function rotaryTables(positions: Tensor, batch: Dimension, config: RotaryConfig): RotaryTables {
  const turns = reshape(cast(positions, 'float32'), [...positions.shape, 1]);
  const angles = multiply(turns, tracedFrequencies(positions, config));
  const shape = [batch, positions.shape.at(-1)!, config.features / 2];
  const factor = 'attentionFactor' in config ? config.attentionFactor : 1;
  const table = (values: Tensor) => broadcastTo(factor === 1 ? values : multiply(values, factor), shape);
  return { cosine: table(cos(angles)), sine: table(sin(angles)) };
}

/** Turns the first features of x [batch, heads, seq, headSize], as many as the tables are for. */
export function rotate(x: Tensor, { cosine, sine }: RotaryTables): Tensor {
  const [headSize, features] = [x.shape[3] as number, 2 * (cosine.shape[2] as number)];
  if (features === headSize) return rotary(x, cosine, sine);
  const [turning, still] = split(x, -1, [features, headSize - features]);
  return concatenate([rotary(turning!, cosine, sine), still!], -1);
}

/** [features / 2] */
function tracedFrequencies(positions: Tensor, config: RotaryConfig): Tensor {
  const vector = (values: Float32Array) => constant(hostArray(values, [values.length]));
  const frequencies = vector(inverseFrequencies(config));
  if (config.kind === 'dynamic') {
    return multiply(frequencies, dynamicFactors(sequenceLength(positions), config));
  }
  if (config.kind === 'longrope') {
    const isLong = greater(sequenceLength(positions), config.originalMaximumPositions);
    return where(isLong, vector(longFrequencies(config)), frequencies);
  }
  return frequencies;
}

/** The longest of the batch, which all rows go by, as in transformers. */
function sequenceLength(positions: Tensor): Tensor {
  return add(max(cast(positions, 'float32')), 1);
}

/** What dividing by a base that is g^(d / (d - 2)) times larger comes to: pair i is g^(-2i / (d - 2)) times as fast. */
function dynamicFactors(length: Tensor, { factor, features, maximumPositions }: DynamicRotary): Tensor {
  const beyond = maximum(length, maximumPositions);
  const growth = add(multiply(beyond, factor / maximumPositions), 1 - factor);
  const exponents = Float32Array.from({ length: features / 2 }, (_, pair) => (-2 * pair) / (features - 2));
  return exp(multiply(log(growth), constant(hostArray(exponents, [features / 2]))));
}
