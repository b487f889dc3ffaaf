import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { FileWriteError, removeAbandonedTemporaries } from '../atomic-file.ts';
import { SafetensorsError } from './errors.ts';
import { compareTensors } from './format.ts';
import type { HalfPrecision } from './half-precision.ts';
import { widen } from './half-precision.ts';
import { openSafetensors, type TensorRegion, tensorChunks } from './read.ts';
import { type TensorStream, writeTensorStreams } from './write.ts';

/** Folder of converted weights: the environment's `SAFETUNE_CACHE`, else `~/.cache/safetune`. */
export function defaultCacheDirectory(): string {
  return process.env.SAFETUNE_CACHE || join(homedir(), '.cache', 'safetune');
}

/**
 * Makes every floating-point region usable in place by float32 kernels: `float16` and `bfloat16` regions are widened
 * once into a float32 `.safetensors` file in the cache, named by the SHA-256 of their names, shapes, types and bytes,
 * and the regions of that file are returned for them. Regions of any other type are returned as they are.
 *
 * Two processes may do this at once: each writes a file of its own, and equal files replace each other whole. A cache
 * file that was cut short or does not hold what its name promises is made again. Memory use is a few chunks.
 *
 * @param regions - with distinct names.
 * @param cacheDirectory - made when missing; default {@link defaultCacheDirectory}.
 * @returns regions in the order given.
 * @throws SafetensorsError when a source file vanished or shrank, FileWriteError when the cache cannot be written.
 */
export async function floatCache(
  regions: readonly TensorRegion[],
  cacheDirectory: string = defaultCacheDirectory(),
): Promise<readonly TensorRegion[]> {
  const halves = regions.filter(isHalf).sort(compareTensors);
  if (halves.length === 0) return regions;
  const path = join(cacheDirectory, `${await contentHash(halves)}.float32.safetensors`);
  const cached = (await openCached(path, halves)) ?? (await fillCache(path, cacheDirectory, halves));
  return regions.map((region) => (isHalf(region) ? cached.get(region.name)! : region));
}

type HalfRegion = TensorRegion & { readonly dtype: HalfPrecision };

function isHalf(region: TensorRegion): region is HalfRegion {
  return region.dtype === 'float16' || region.dtype === 'bfloat16';
}

async function contentHash(regions: readonly HalfRegion[]): Promise<string> {
  const hash = createHash('sha256');
  for (const region of regions) {
    hash.update(`${JSON.stringify([region.name, region.dtype, region.shape])}\n`);
    for await (const chunk of tensorChunks(region)) hash.update(chunk);
  }
  return hash.digest('hex');
}

/** The regions of a cache file, or undefined when it is absent, damaged, or not of these tensors. */
async function openCached(
  path: string,
  wanted: readonly HalfRegion[],
): Promise<ReadonlyMap<string, TensorRegion> | undefined> {
  try {
    const { tensors } = await openSafetensors(path);
    const holds = wanted.every(({ name, shape }) => {
      const found = tensors.get(name);
      return found?.dtype === 'float32' && found.shape.join() === shape.join();
    });
    return holds ? tensors : undefined;
  } catch (error) {
    if (SafetensorsError.isInstance(error)) return undefined;
    throw error;
  }
}

async function fillCache(
  path: string,
  cacheDirectory: string,
  regions: readonly HalfRegion[],
): Promise<ReadonlyMap<string, TensorRegion>> {
  try {
    await mkdir(cacheDirectory, { recursive: true });
    await removeAbandonedTemporaries(path, oneHour);
  } catch (cause) {
    throw new FileWriteError(path, cause);
  }
  await writeTensorStreams(path, regions.map(widened));
  return (await openSafetensors(path)).tensors;
}

const oneHour = 3_600_000;

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
