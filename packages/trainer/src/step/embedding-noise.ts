import { randomStream } from '@safetune/lora';
import { plainEmbedding } from '@safetune/models';
import { add, cast, hostArray, multiply, reshape, type Tensor, tensorType } from '@safetune/tensor';
import { TrainOptionError } from '../errors.ts';
import type { Trainable } from './trainable.ts';

const rowsInput = 'neftune.rows';
const columnsInput = 'neftune.columns';
const magnitudesInput = 'neftune.magnitudes';

/**
 * A trainable with NEFTune (Jain et al. 2024): in training, uniform noise of at most `alpha / sqrt(L d)` is added to the
 * embeddings that the first block gets, L being the tokens of the example and d its features. Padding gets none, and has no part
 * in L: transformers counts it, so that there an example's noise depends on those beside it.
 *
 * The noise of feature j of token i is the product of an odd whole number of the token and one of the feature modulo 2^32, as
 * dropout's is: uniform, independent from place to place, the same on every machine, from the seed, the step and its part alone.
 *
 * @param hiddenSize d
 * @throws TrainOptionError for an alpha that is no number greater than 0.
 */
export function withEmbeddingNoise(trainable: Trainable, alpha: number, hiddenSize: number): Trainable {
  if (!(Number.isFinite(alpha) && alpha > 0))
    throw new TrainOptionError('neftuneNoiseAlpha', `${alpha} must be a number greater than 0`);
  return {
    ...trainable,
    drawn: {
      types: (pieces) => ({
        ...trainable.drawn?.types(pieces),
        [rowsInput]: tensorType('int32', ['batch', 'seq']),
        [columnsInput]: tensorType('int32', [hiddenSize]),
        [magnitudesInput]: tensorType('float32', ['batch', 'seq']),
      }),
      values: (draw, extents) => {
        const { batch, length, lengths } = extents;
        const magnitudes = new Float32Array(batch * length);
        const odd = (label: string, count: number) => {
          const values = new Int32Array(count);
          if (draw === undefined) return values;
          const random = randomStream(draw.seed, ['neftune', draw.step, draw.part, label]);
          return values.map(() => random.integer() | 1);
        };
        // In units of the products, which reach 2^31.
        for (const [row, tokens] of draw === undefined ? [] : lengths.entries())
          magnitudes.fill(
            alpha / Math.sqrt(tokens * hiddenSize) / 2 ** 31,
            row * length,
            row * length + tokens,
          );
        return {
          ...trainable.drawn?.values(draw, extents),
          [rowsInput]: hostArray(odd('rows', batch * length), [batch, length]),
          [columnsInput]: hostArray(odd('columns', hiddenSize), [hiddenSize]),
          [magnitudesInput]: hostArray(magnitudes, [batch, length]),
        };
      },
    },
    forward(traced, piece) {
      const forward = trainable.forward(traced, piece);
      const embedding = forward.embedding ?? plainEmbedding;
      const perToken = (name: string): Tensor => reshape(traced[name]!, [...traced[name]!.shape, 1]);
      return {
        ...forward,
        embedding(tokenIds, layer, table) {
          const products = multiply(perToken(rowsInput), traced[columnsInput]!);
          const noise = multiply(cast(products, 'float32'), perToken(magnitudesInput));
          // The model scales what it looked up after this.
          return add(
            embedding(tokenIds, layer, table),
            layer.scale === 1 ? noise : multiply(noise, 1 / layer.scale),
          );
        },
      };
    },
  };
}
