import { NonFiniteError } from '../dense/errors.ts';
import { bytesPerElement } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { bestIntegerType } from '../integer-products.ts';
import { type IntegerType, zeroOf } from '../operations/quantized-lowering.ts';
import { convertOnce } from './conversion-cache.ts';
import type { OnConversion } from './conversion-progress.ts';
import { defaultCacheDirectory } from './convert.ts';
import { decodedRows, type EncodedRegion, isEncoded, storedRegion, type WeightSource } from './encoded.ts';
import { widen } from './half-precision.ts';
import { type TensorRegion, tensorChunks } from './read.ts';
import type { TensorStream } from './write.ts';

/** Where the parts of a matrix [rows, columns] quantised to 8 bits lie; see `QuantizedMatrix` for what they mean. */
export interface QuantizedRegions {
  /** int8 or uint8 [rows, columns] */
  readonly values: TensorRegion;
  /** float32 [rows] */
  readonly scale: TensorRegion;
  /** [rows, columns], of the type of `values` */
  readonly residual?: TensorRegion;
}

/** Options of {@link quantizedCache}. */
export interface QuantizeOptions {
  /** Keep what rounding leaves over in 8 further bits. Default false. */
  readonly residual?: boolean;
  /** Type of the 8-bit values. Default: `bestIntegerType()`, what this machine's processor multiplies exactly. */
  readonly integers?: IntegerType | undefined;
  /** Made when missing. Default `~/.cache/safetune`, or the environment's `SAFETUNE_CACHE`. */
  readonly cacheDirectory?: string;
  /** Hears while something is quantised. */
  readonly onProgress?: OnConversion | undefined;
}

/**
 * Quantises matrices to 8 bits, each row symmetrically by its own scale (largest magnitude / 127), once, into a
 * `.safetensors` file in the cache; the file is named by the SHA-256 of the matrices' names, shapes, types and bytes.
 * Its tensors are `<name>.values`, `<name>.scale` and, on request, `<name>.residual`.
 *
 * Safe under several processes at once; a file that was cut short, or does not hold what its name promises, is made
 * again. Memory use is a few chunks of rows.
 *
 * @param regions - `float32`, `float16`, `bfloat16` or encoded matrices with distinct names.
 * @returns their parts, by the matrices' names.
 * @throws ShapeError for a region that is no floating-point matrix, NonFiniteError for a NaN or an infinity,
 * SafetensorsError when a source file vanished or shrank, FileWriteError when the cache cannot be written,
 * InexactIntegersError when `integers` is not given and nothing is exact.
 */
export async function quantizedCache(
  regions: readonly WeightSource[],
  { residual = false, integers, cacheDirectory = defaultCacheDirectory(), onProgress }: QuantizeOptions = {},
): Promise<ReadonlyMap<string, QuantizedRegions>> {
  if (regions.length === 0) return new Map();
  const matrices = regions.map(matrixRegion);
  const type = integers ?? (await bestIntegerType());
  const results = matrices.flatMap((region) => quantizedStreams(region, type, residual));
  const kind = residual ? `${type}x3` : type;
  const parts = await convertOnce(
    { sources: regions.map(storedRegion), kind, results, onProgress },
    cacheDirectory,
  );
  return new Map(
    regions.map(({ name }) => {
      const names = partNames(name);
      const [values, scale] = [parts.get(names.values)!, parts.get(names.scale)!];
      return [name, residual ? { values, scale, residual: parts.get(names.residual)! } : { values, scale }];
    }),
  );
}

function partNames(name: string) {
  return { values: `${name}.values`, scale: `${name}.scale`, residual: `${name}.residual` };
}

type FloatDtype = 'float32' | 'float16' | 'bfloat16';
type MatrixRegion = (EncodedRegion | (TensorRegion & { readonly dtype: FloatDtype })) & {
  readonly shape: readonly [number, number];
};

function matrixRegion(region: WeightSource): MatrixRegion {
  const { name, dtype, shape } = region;
  const isFloat = dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16';
  if (isFloat && shape.length === 2) return region as MatrixRegion;
  throw new ShapeError(
    'quantizedCache',
    `'${name}' is ${dtype}[${shape.join(', ')}], must be a matrix of float32, float16 or bfloat16`,
  );
}

function quantizedStreams(region: MatrixRegion, type: IntegerType, withResidual: boolean): TensorStream[] {
  const names = partNames(region.name);
  let found: Promise<Float32Array> | undefined;
  const scales = () => {
    found ??= rowScales(region);
    return found;
  };
  const rounded = (name: string, round: RoundRow): TensorStream => ({
    name,
    dtype: type,
    shape: region.shape,
    chunks: async function* () {
      yield* roundedChunks(region, await scales(), round, zeroOf[type]);
    },
  });
  return [
    {
      name: names.scale,
      dtype: 'float32',
      shape: [region.shape[0]],
      chunks: async function* () {
        yield new Uint8Array((await scales()).buffer);
      },
    },
    rounded(names.values, roundValues),
    ...(withResidual ? [rounded(names.residual, roundResidual)] : []),
  ];
}

/** Each row's largest magnitude / 127. */
async function rowScales(region: MatrixRegion): Promise<Float32Array<ArrayBuffer>> {
  const [rows, columns] = region.shape;
  const scales = new Float32Array(rows);
  for await (const { first, values } of rowBlocks(region)) {
    for (let start = 0; start < values.length; start += columns) {
      const row = first + start / columns;
      const scale = largestMagnitude(region.name, row, values.subarray(start, start + columns)) / 127;
      scales[row] = scale < smallestNormal ? 0 : scale;
    }
  }
  return scales;
}

/** A scale below it would be rounded coarsely in float32. The row becomes one of zeros, with scale 0. */
const smallestNormal = 2 ** -126;

function largestMagnitude(name: string, row: number, values: Float32Array): number {
  let [largest, total] = [0, 0];
  for (let column = 0; column < values.length; column++) {
    const magnitude = Math.abs(values[column]!);
    if (magnitude > largest) largest = magnitude;
    total += magnitude;
  }
  if (Number.isFinite(total)) return largest;
  const column = values.findIndex((value) => !Number.isFinite(value));
  throw new NonFiniteError(`quantizedCache of '${name}'`, row, column, values[column]!);
}

/** Rounds one row, `steps` being the factor from its elements to steps of its scale. */
type RoundRow = (row: Float32Array, steps: number, into: Int8Array) => void;

const roundValues: RoundRow = (row, steps, into) => {
  // Math.round takes three times as long.
  for (let column = 0; column < row.length; column++) into[column] = Math.floor(row[column]! * steps + 0.5);
};

/** In steps of 1/254: rounding to whole steps leaves at most half of one. */
const roundResidual: RoundRow = (row, steps, into) => {
  for (let column = 0; column < row.length; column++) {
    const exact = row[column]! * steps;
    into[column] = Math.floor((exact - Math.floor(exact + 0.5)) * 254 + 0.5);
  }
};

async function* roundedChunks(
  region: MatrixRegion,
  scales: Float32Array,
  round: RoundRow,
  zero: number,
): AsyncGenerator<Uint8Array> {
  const columns = region.shape[1];
  for await (const { first, values } of rowBlocks(region)) {
    const rounded = new Int8Array(values.length);
    for (let start = 0; start < values.length; start += columns) {
      const scale = scales[first + start / columns]!;
      if (scale > 0) {
        const end = start + columns;
        round(values.subarray(start, end), 1 / scale, rounded.subarray(start, end));
      }
    }
    const bytes = new Uint8Array(rounded.buffer);
    // Adding 128 to a byte turns its highest bit.
    if (zero !== 0) for (let at = 0; at < bytes.length; at++) bytes[at]! ^= zero;
    yield bytes;
  }
}

/** About 8 MiB of a float32 matrix. */
const blockElements = 2 ** 21;

/** Whole rows as float32, a block at a time; `values` is overwritten by the next block. */
async function* rowBlocks(
  region: MatrixRegion,
): AsyncGenerator<{ readonly first: number; readonly values: Float32Array }> {
  const [, columns] = region.shape;
  const rowsPerBlock = Math.max(1, Math.floor(blockElements / Math.max(1, columns)));
  if (isEncoded(region)) {
    let first = 0;
    for await (const values of decodedRows(region, rowsPerBlock)) {
      yield { first, values };
      first += values.length / columns;
    }
    return;
  }
  const widened = new Float32Array(region.dtype === 'float32' ? 0 : rowsPerBlock * columns);
  let first = 0;
  for await (const chunk of tensorChunks(region, rowsPerBlock * columns * bytesPerElement(region.dtype))) {
    const elements = chunk.length / bytesPerElement(region.dtype);
    let values: Float32Array;
    if (region.dtype === 'float32') values = new Float32Array(chunk.buffer, chunk.byteOffset, elements);
    else {
      values = widened.subarray(0, elements);
      widen(region.dtype, new Uint16Array(chunk.buffer, chunk.byteOffset, elements), values);
    }
    yield { first, values };
    first += rowsPerBlock;
  }
}
