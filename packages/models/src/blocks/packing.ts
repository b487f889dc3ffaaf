import {
  customGradient,
  type Dimension,
  gather,
  greater,
  multiplyDimensions,
  reshape,
  type Tensor,
  where,
} from '@safetune/tensor';

/**
 * Where the tokens of packed examples lie: a packed row [1, tokens, ...] holds the examples of a batch one behind the other, of
 * different lengths and without padding; padded they are [examples, length, ...].
 */
export interface PackedExamples {
  /** int64 [examples, length]: the place of each example's token in the packed row; any place at padding. */
  readonly packedPlaces: Tensor;
  /** int64 [tokens]: the place of each packed token among the padded ones, row by row. */
  readonly paddedPlaces: Tensor;
  /** float32 [examples, length]: 1 for tokens, 0 for padding. */
  readonly tokenMask: Tensor;
}

/**
 * Each example in a row of its own: [1, tokens, features] to [examples, length, features]. At padding stands some token's,
 * through which no gradient flows.
 */
export function unpackExamples(x: Tensor, packed: PackedExamples): Tensor {
  return customGradient('unpackExamples', [x], () => ({
    value: gather(reshape(x, [packed.paddedPlaces.shape[0]!, x.shape[2]!]), packed.packedPlaces),
    // Places are taken once each, so that a gather does what adding up would.
    gradient: (ofValue) => [packExamples(ofValue, packed)],
  }));
}

/** The tokens of all examples one behind the other: [examples, length, features] to [1, tokens, features]. */
export function packExamples(x: Tensor, packed: PackedExamples): Tensor {
  const [examples, length, features] = x.shape as [Dimension, Dimension, Dimension];
  return customGradient('packExamples', [x], () => {
    const rows = gather(reshape(x, [multiplyDimensions(examples, length), features]), packed.paddedPlaces);
    return {
      value: reshape(rows, [1, ...rows.shape]),
      gradient: (ofValue) => {
        const isToken = greater(reshape(packed.tokenMask, [examples, length, 1]), 0);
        return [where(isToken, unpackExamples(ofValue, packed), 0)];
      },
    };
  });
}
