import { homedir } from 'node:os';
import { join } from 'node:path';
import { convertOnce } from './conversion-cache.ts';
import type { OnConversion } from './conversion-progress.ts';
import { decodedRows, type EncodedRegion, isEncoded, storedRegion, type WeightSource } from './encoded.ts';
import type { HalfPrecision } from './half-precision.ts';
import { widen } from './half-precision.ts';
import { type TensorRegion, tensorChunks } from './read.ts';
import type { TensorStream } from './write.ts';

/** Folder of converted weights: the environment's `SAFETUNE_CACHE`, else `~/.cache/safetune`. */
export function defaultCacheDirectory(): string {
  return process.env.SAFETUNE_CACHE || join(homedir(), '.cache', 'safetune');
}

/**
 * Makes every floating-point region usable in place by float32 kernels: `float16` and `bfloat16` regions are widened, and
 * encoded ones decoded, once into a float32 `.safetensors` file in the cache (see `convertOnce`), and the regions of that
 * file are returned for them. Regions of any other type are returned as they are. Memory use is a few chunks.
 *
 * @param regions - with distinct names.
 * @param cacheDirectory - made when missing; default {@link defaultCacheDirectory}.
 * @param onProgress - hears while something is converted.
 * @returns regions in the order given.
 * @throws SafetensorsError when a source file vanished or shrank, FileWriteError when the cache cannot be written.
 */
export async function floatCache(
  regions: readonly WeightSource[],
  cacheDirectory: string = defaultCacheDirectory(),
  onProgress?: OnConversion,
): Promise<readonly TensorRegion[]> {
  const converted = regions.filter(isConverted);
  if (converted.length === 0) return regions as readonly TensorRegion[];
  const conversion = {
    sources: converted.map(storedRegion),
    kind: 'float32',
    results: converted.map((region) => (isEncoded(region) ? decoded(region) : widened(region))),
    onProgress,
  };
  const cached = await convertOnce(conversion, cacheDirectory);
  return regions.map((region) => (isConverted(region) ? cached.get(region.name)! : region));
}

function isConverted(region: WeightSource): region is EncodedRegion | HalfRegion {
  return isEncoded(region) || isHalf(region);
}

function decoded(region: EncodedRegion): TensorStream {
  return { name: region.name, dtype: 'float32', shape: region.shape, chunks: () => decodedChunks(region) };
}

async function* decodedChunks(region: EncodedRegion): AsyncGenerator<Uint8Array> {
  const [rows = 1] = region.shape;
  const columns = region.shape.reduce((product, extent) => product * extent, 1) / Math.max(1, rows);
  for await (const values of decodedRows(region, Math.max(1, Math.floor(chunkElements / columns)))) {
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
}

/** 8 MiB of float32. */
const chunkElements = 2 ** 21;

type HalfRegion = TensorRegion & { readonly dtype: HalfPrecision };

function isHalf(region: TensorRegion): region is HalfRegion {
  return region.dtype === 'float16' || region.dtype === 'bfloat16';
}

function widened(region: HalfRegion): TensorStream {
  return { name: region.name, dtype: 'float32', shape: region.shape, chunks: () => widenedChunks(region) };
}

async function* widenedChunks(region: HalfRegion): AsyncGenerator<Uint8Array> {
  for await (const chunk of tensorChunks(region)) {
    const values = new Float32Array(chunk.length / 2);
    widen(region.dtype, new Uint16Array(chunk.buffer, chunk.byteOffset, values.length), values);
    yield new Uint8Array(values.buffer);
  }
}
