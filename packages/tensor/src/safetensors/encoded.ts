import { type TensorRegion, tensorChunks } from './read.ts';

/**
 * A float32 tensor that a file stores in an encoding of its own, such as GGUF's blocks of 4-bit integers. It is decoded
 * into the cache, once; see `floatCache` and `quantizedCache`.
 */
export interface EncodedRegion {
  readonly name: string;
  readonly shape: readonly number[];
  /** What it decodes to. */
  readonly dtype: 'float32';
  /**
   * Where its bytes lie, as many for each row (of the first dimension) as for any other. The name there must tell all that
   * decides what they decode to: what is made of them is found again by it and by the bytes.
   */
  readonly stored: TensorRegion;
  /** Rows are decoded in groups of so many: 1, or more where decoding moves rows about among their neighbours. */
  readonly rowsTogether: number;
  /** Writes the values of whole groups of rows. */
  decode(bytes: Uint8Array, values: Float32Array): void;
}

/** A tensor of a file that is used as it is stored, or decoded first. */
export type WeightSource = TensorRegion | EncodedRegion;

export function isEncoded(source: WeightSource): source is EncodedRegion {
  return 'stored' in source;
}

/** The bytes in a file that a tensor comes from. */
export function storedRegion(source: WeightSource): TensorRegion {
  return isEncoded(source) ? source.stored : source;
}

/** Whole rows of an encoded tensor, about `rows` at a time; overwritten by the next. */
export async function* decodedRows(region: EncodedRegion, rows: number): AsyncGenerator<Float32Array> {
  const [count = 1, ...rest] = region.shape;
  const columns = rest.reduce((product, extent) => product * extent, 1);
  const rowBytes = region.stored.byteLength / count;
  const together = Math.ceil(rows / region.rowsTogether) * region.rowsTogether;
  const values = new Float32Array(Math.min(together, count) * columns);
  for await (const chunk of tensorChunks(region.stored, together * rowBytes)) {
    const decoded = values.subarray(0, (chunk.length / rowBytes) * columns);
    region.decode(chunk, decoded);
    yield decoded;
  }
}
