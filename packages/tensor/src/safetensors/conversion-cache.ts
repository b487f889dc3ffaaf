import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FileWriteError, removeAbandonedTemporaries } from '../atomic-file.ts';
import { contentHash } from './content-hash.ts';
import { SafetensorsError } from './errors.ts';
import { openSafetensors, type TensorRegion } from './read.ts';
import { type TensorStream, writeTensorStreams } from './write.ts';

/** A conversion of weights that is done once and kept. */
export interface Conversion {
  /** What is converted; with distinct names. */
  readonly sources: readonly TensorRegion[];
  /** Names the conversion in the file's name, as in `<hash>.float32.safetensors`. */
  readonly kind: string;
  /** The tensors it makes. They are read only when the file is not there yet. */
  readonly results: readonly TensorStream[];
}

/**
 * The results of a conversion, as regions of a file in the cache by name: of the file that is there, or of one made now.
 * It is named by the SHA-256 of the sources' names, shapes, types and bytes.
 *
 * Two processes may do this at once: each writes a file of its own, and equal files replace each other whole. A file
 * that was cut short or does not hold what its name promises is made again. Memory use is that of the streams.
 *
 * @param cacheDirectory - made when missing.
 * @throws SafetensorsError when a source file vanished or shrank, FileWriteError when the cache cannot be written, and
 * what the streams throw.
 */
export async function convertOnce(
  { sources, kind, results }: Conversion,
  cacheDirectory: string,
): Promise<ReadonlyMap<string, TensorRegion>> {
  const path = join(cacheDirectory, `${await contentHash(sources, cacheDirectory)}.${kind}.safetensors`);
  const cached = await openCached(path, results);
  if (cached !== undefined) return cached;
  try {
    await mkdir(cacheDirectory, { recursive: true });
    await removeAbandonedTemporaries(path, oneHour);
  } catch (cause) {
    throw new FileWriteError(path, cause);
  }
  await writeTensorStreams(path, results);
  return (await openSafetensors(path)).tensors;
}

const oneHour = 3_600_000;

/** The regions of a cache file, or undefined when it is absent, damaged, or not of these tensors. */
async function openCached(
  path: string,
  wanted: readonly TensorStream[],
): Promise<ReadonlyMap<string, TensorRegion> | undefined> {
  try {
    const { tensors } = await openSafetensors(path);
    const holds = wanted.every(({ name, dtype, shape }) => {
      const found = tensors.get(name);
      return found?.dtype === dtype && found.shape.join() === shape.join();
    });
    return holds ? tensors : undefined;
  } catch (error) {
    if (SafetensorsError.isInstance(error)) return undefined;
    throw error;
  }
}
