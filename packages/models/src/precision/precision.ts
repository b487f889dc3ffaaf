import {
  type ConversionProgress,
  dequantize,
  floatCache,
  type IntegerType,
  type QuantizedMatrix,
  quantizedCache,
  quantizedMatmul,
  type RuntimeOptions,
  type Tensor,
  type TensorRegion,
  type WeightSource,
} from '@safetune/tensor';
import { PrecisionError } from '../errors.ts';
import type { LinearWeights } from '../linear.ts';

/**
 * How the weights of the linear layers and of the output layer are held and multiplied. All else is float32.
 *
 * - `float32`: exactly.
 * - `int8`: weights and activations rounded to 8 bits, rows scaled each by itself. Products take a third to the whole of
 *   float32's time, as the processor has instructions for it (AMX, VNNI) or not, in less memory. A product is off by about
 *   1 %, the gradient of a deep model and its logits by about 10; losses on real weights were -0.2 to +3.5 % off.
 * - `int8x3`: weights and activations as two 8-bit parts each, three integer products: gradients within 1e-3, in the memory
 *   of float32; faster only where integers multiply more than three times as fast.
 *
 * Generation by a model in `int8` rounds activations in blocks of 16 to 128, with half the error; the weights are the same.
 *
 * Integer products are exact on every processor. `measurePrecisions` says what they cost on the one at hand; other figures
 * are of `bench`: see benchmarks/RESULTS.md.
 */
export type Precision = 'float32' | 'int8' | 'int8x3';

/** All there are. */
export const precisions: readonly Precision[] = ['float32', 'int8', 'int8x3'];

/** @throws PrecisionError for anything else. */
export function checkPrecision(precision: string): asserts precision is Precision {
  if ((precisions as readonly string[]).includes(precision)) return;
  throw new PrecisionError(precision, `there is no such precision; there are ${precisions.join(', ')}`);
}

/** How a model of this precision is best run; the defaults of whoever compiles it. */
export function preferredRuntime(precision: Precision): RuntimeOptions {
  // Integer products on weights that are not rearranged take half as long again; float32 ones a tenth.
  return precision === 'float32' ? {} : { prepackWeights: true };
}

/** A model's tensors, in the type that its checkpoint stores them in. */
export interface StoredWeights {
  readonly regions: readonly WeightSource[];
  /** Names of the matrices that are only multiplied with. */
  readonly multiplied: ReadonlySet<string>;
  /** Names of the tensors of which something else is needed as well; a tied embedding is in both. */
  readonly others: ReadonlySet<string>;
}

/** How weights are converted; see `LoadModelOptions`. */
export interface ConvertOptions {
  readonly integers?: IntegerType | undefined;
  readonly cacheDirectory?: string | undefined;
  readonly onConversion?: ((progress: ConversionProgress) => void) | undefined;
}

/**
 * The regions that a model of this precision uses, by name: float32 under their names in the checkpoint, quantised ones as
 * `<name>.values` (int8 or uint8), `<name>.scale` (float32) and, for `int8x3`, `<name>.residual`. What is not stored so is
 * converted once.
 *
 * @throws NonFiniteError, SafetensorsError, FileWriteError and InexactIntegersError of the tensor package.
 */
export async function usableWeights(
  { regions, multiplied, others }: StoredWeights,
  precision: Precision,
  { integers, cacheDirectory, onConversion }: ConvertOptions = {},
): Promise<ReadonlyMap<string, TensorRegion>> {
  if (precision === 'float32') return byName(await floatCache(regions, cacheDirectory, onConversion));
  const quantized = await quantizedCache(
    regions.filter(({ name }) => multiplied.has(name)),
    {
      residual: precision === 'int8x3',
      integers,
      onProgress: onConversion,
      ...(cacheDirectory === undefined ? {} : { cacheDirectory }),
    },
  );
  const floats = await floatCache(
    regions.filter(({ name }) => others.has(name)),
    cacheDirectory,
    onConversion,
  );
  return byName([...floats, ...[...quantized.values()].flatMap((parts) => Object.values(parts))]);
}

function byName(regions: readonly TensorRegion[]): ReadonlyMap<string, TensorRegion> {
  return new Map(regions.map((region) => [region.name, region]));
}

/**
 * The traced weight of that name, to be multiplied with.
 *
 * @param weight - gives the traced tensor of each region of {@link usableWeights}.
 * @throws PrecisionError when it gives something else than integers for a quantised weight: that would train it.
 */
export function traceLinearWeight(
  name: string,
  precision: Precision,
  weight: (name: string) => Tensor,
): Pick<LinearWeights, 'weight' | 'product'> {
  if (precision === 'float32') return { weight: weight(name) };
  const matrix: QuantizedMatrix = {
    values: weight(`${name}.values`),
    scale: weight(`${name}.scale`),
    ...(precision === 'int8' ? {} : { residual: weight(`${name}.residual`) }),
  };
  if (matrix.values.dtype !== 'int8' && matrix.values.dtype !== 'uint8') {
    throw new PrecisionError(
      precision,
      `'${name}' is frozen in 8 bits and was given as ${matrix.values.dtype}; ` +
        "to train the model's own weights, load it with precision 'float32'",
    );
  }
  return { weight: dequantize(matrix), product: (x) => quantizedMatmul(x, matrix, { transposeB: true }) };
}
