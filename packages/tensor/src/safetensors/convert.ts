import { homedir } from 'node:os';
import { join } from 'node:path';
import { convertOnce } from './conversion-cache.ts';
import type { OnConversion } from './conversion-progress.ts';
import type { HalfPrecision } from './half-precision.ts';
import { widen } from './half-precision.ts';
import { type TensorRegion, tensorChunks } from './read.ts';
import type { TensorStream } from './write.ts';

/** Folder of converted weights: the environment's `SAFETUNE_CACHE`, else `~/.cache/safetune`. */
export function defaultCacheDirectory(): string {
  return process.env.SAFETUNE_CACHE || join(homedir(), '.cache', 'safetune');
}

/**
 * Makes every floating-point region usable in place by float32 kernels: `float16` and `bfloat16` regions are widened
 * once into a float32 `.safetensors` file in the cache (see `convertOnce`), and the regions of that file are returned for
 * them. Regions of any other type are returned as they are. Memory use is a few chunks.
 *
 * @param regions - with distinct names.
 * @param cacheDirectory - made when missing; default {@link defaultCacheDirectory}.
 * @param onProgress - hears while something is converted.
 * @returns regions in the order given.
 * @throws SafetensorsError when a source file vanished or shrank, FileWriteError when the cache cannot be written.
 */
export async function floatCache(
  regions: readonly TensorRegion[],
  cacheDirectory: string = defaultCacheDirectory(),
  onProgress?: OnConversion,
): Promise<readonly TensorRegion[]> {
  const halves = regions.filter(isHalf);
  if (halves.length === 0) return regions;
  const conversion = { sources: halves, kind: 'float32', results: halves.map(widened), onProgress };
  const cached = await convertOnce(conversion, cacheDirectory);
  return regions.map((region) => (isHalf(region) ? cached.get(region.name)! : region));
}

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
