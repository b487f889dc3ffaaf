import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { withCheckedReads } from './checked-reads.ts';
import { contentDigests } from './content-hash.ts';
import { type OnConversion, readingProgress, tellingStreams } from './conversion-progress.ts';
import { SafetensorsError } from './errors.ts';
import { openSafetensors, type TensorRegion } from './read.ts';
import { isIntact, sealFile } from './seal.ts';
import { stageTensorStreams, type TensorStream } from './write.ts';

/** A conversion of weights that is done once and kept. */
export interface Conversion {
  /** What is converted; with distinct names. */
  readonly sources: readonly TensorRegion[];
  /** Names the conversion in the file's name, as in `<hash>.float32.safetensors`. */
  readonly kind: string;
  /** The tensors it makes, of the sources read through `tensorChunks`. They are read only when the file is not there yet. */
  readonly results: readonly TensorStream[];
  /** Hears while something is read or converted; never when all is there already. */
  readonly onProgress?: OnConversion | undefined;
}

/**
 * The results of a conversion, as regions of a file in the cache by name: of the file that is there, or of one made now.
 * It is named by the SHA-256 of the sources' names, shapes, types and bytes, and the bytes that are converted are held
 * against it: a source that is swapped meanwhile is an error.
 *
 * Two processes may do this at once: each writes a file of its own, and equal files replace each other whole. A file
 * that was cut short or changed since it was made (see `sealFile`), or does not hold what its name promises, is made
 * again. Memory use is that of the streams. Files and folders are private to the user.
 *
 * @param cacheDirectory - made when missing.
 * @throws SafetensorsError when a source file vanished, shrank or changed, FileWriteError when the cache cannot be written,
 * and what the streams throw.
 */
export async function convertOnce(
  { sources, kind, results, onProgress = () => {} }: Conversion,
  cacheDirectory: string,
): Promise<ReadonlyMap<string, TensorRegion>> {
  const { hash, digests } = await contentDigests(
    sources,
    cacheDirectory,
    readingProgress(sources, onProgress),
  );
  const path = join(cacheDirectory, `${hash}.${kind}.safetensors`);
  const cached = await openCached(path, results);
  if (cached !== undefined) return cached;
  await withCheckedReads(digests, async (requireAllRead) => {
    const written = createHash('sha256');
    const file = await stageTensorStreams(path, tellingStreams(results, onProgress), {
      private: true,
      hash: written,
    });
    try {
      requireAllRead();
      await file.commit();
    } finally {
      await file.discard();
    }
    await sealFile(path, written.digest('hex'));
  });
  return (await openSafetensors(path, { folder: cacheDirectory })).tensors;
}

/** The regions of a cache file, or undefined when it is absent, damaged, or not of these tensors. */
async function openCached(
  path: string,
  wanted: readonly TensorStream[],
): Promise<ReadonlyMap<string, TensorRegion> | undefined> {
  try {
    const { tensors } = await openSafetensors(path, { folder: dirname(path) });
    const holds = wanted.every(({ name, dtype, shape }) => {
      const found = tensors.get(name);
      return found?.dtype === dtype && found.shape.join() === shape.join();
    });
    return holds && (await isIntact(path)) ? tensors : undefined;
  } catch (error) {
    if (SafetensorsError.isInstance(error)) return undefined;
    throw error;
  }
}
