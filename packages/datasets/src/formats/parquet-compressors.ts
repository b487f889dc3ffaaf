import * as zlib from 'node:zlib';
import type { Compressors } from 'hyparquet';
import { compressors as withoutNode } from 'hyparquet-compressors';

/** Longest page when unpacked. Writers make pages of a megabyte, longer ones only around longer values. */
const longestPage = 2 ** 29;

type Decompress = (input: Uint8Array, outputLength: number) => Uint8Array;

/** Node's own where it has them, which are faster; Zstandard since 22.15. */
const ofNode: Record<string, Decompress | undefined> = {
  GZIP: (input, maxOutputLength) => zlib.gunzipSync(input, { maxOutputLength }),
  BROTLI: (input, maxOutputLength) => zlib.brotliDecompressSync(input, { maxOutputLength }),
  ZSTD:
    typeof zlib.zstdDecompressSync === 'function'
      ? (input, maxOutputLength) => zlib.zstdDecompressSync(input, { maxOutputLength })
      : undefined,
};

/** What unpacks the pages of Parquet files. A page that says it is longer than half a GiB is refused before it takes memory. */
export const parquetCompressors: Compressors = Object.fromEntries(
  Object.entries(withoutNode).map(([codec, plain]) => {
    const decompress = ofNode[codec] ?? (plain as Decompress);
    return [codec, (input: Uint8Array, length: number) => bounded(decompress, input, length)];
  }),
);

function bounded(decompress: Decompress, input: Uint8Array, length: number): Uint8Array {
  if (!(length >= 0 && length <= longestPage)) throw new Error(`a page of ${length} bytes`);
  return length === 0 ? new Uint8Array() : decompress(input, length);
}
