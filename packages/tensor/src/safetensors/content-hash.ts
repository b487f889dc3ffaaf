import { createHash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FileWriteError, writeFileAtomically } from '../atomic-file.ts';
import { type ContentDigests, placeOf } from './checked-reads.ts';
import { fileIdentity, isSettled } from './file-identity.ts';
import { compareTensors } from './format.ts';
import { type TensorRegion, tensorChunks } from './read.ts';

/**
 * SHA-256 of tensors' names, shapes, types and bytes; see {@link contentDigests}.
 *
 * @param cacheDirectory - made when missing.
 * @throws SafetensorsError when a file vanished or shrank, FileWriteError when the cache cannot be written.
 */
export async function contentHash(sources: readonly TensorRegion[], cacheDirectory: string): Promise<string> {
  return (await contentDigests(sources, cacheDirectory)).hash;
}

/** What tensors hold, in all and each. */
export interface ContentHash {
  /** SHA-256 of their names, shapes, types and bytes. */
  readonly hash: string;
  readonly digests: ContentDigests;
}

/**
 * Hashes tensors. Remembered in the cache for files that have not changed since, by their device, inode, size and times:
 * reading a large checkpoint takes longer than starting to train it.
 *
 * @param cacheDirectory - made when missing, private to the user.
 * @param onBytes - hears how many more bytes were read.
 * @throws SafetensorsError when a file vanished or shrank, FileWriteError when the cache cannot be written.
 */
export async function contentDigests(
  sources: readonly TensorRegion[],
  cacheDirectory: string,
  onBytes: (count: number) => void = () => {},
): Promise<ContentHash> {
  await mkdir(cacheDirectory, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw new FileWriteError(cacheDirectory, cause);
  });
  const sorted = [...sources].sort(compareTensors);
  const { identity, settled } = await sourceState(sorted);
  const memory = join(cacheDirectory, `${identity}.hash`);
  const known = (await readFile(memory, 'utf8').catch(() => '')).split('\n');
  const remembered = known.length === sorted.length && known.every((line) => /^[0-9a-f]{64}$/.test(line));
  const digests = remembered ? known : await digestsOf(sorted, onBytes);
  // The files must have stood still while they were read.
  if (!remembered && settled && (await sourceState(sorted)).identity === identity) {
    await writeFileAtomically(memory, digests.join('\n'), { private: true });
  }
  const described = sorted.map(({ name, dtype, shape }, index) => [name, dtype, shape, digests[index]]);
  return {
    hash: createHash('sha256').update(JSON.stringify(described)).digest('hex'),
    digests: new Map(sorted.map((region, index) => [placeOf(region), digests[index]!])),
  };
}

async function digestsOf(
  sources: readonly TensorRegion[],
  onBytes: (count: number) => void,
): Promise<string[]> {
  const digests: string[] = [];
  for (const region of sources) {
    const hash = createHash('sha256');
    for await (const chunk of tensorChunks(region)) {
      hash.update(chunk);
      onBytes(chunk.length);
    }
    digests.push(hash.digest('hex'));
  }
  return digests;
}

/** What the regions are, and of which files in which state; settled when no file has changed just now. */
async function sourceState(sources: readonly TensorRegion[]) {
  const files = [...new Set(sources.map(({ file }) => file))];
  const states = await Promise.all(
    files.map(async (file) => {
      // A file that is not there is found missing by whoever reads it.
      const found = await stat(file, { bigint: true }).catch(() => undefined);
      return { file, found };
    }),
  );
  const described = [
    ...sources.map(({ name, dtype, shape, file, offset }) => [name, dtype, shape, file, offset]),
    ...states.map(({ file, found }) => [file, ...(found === undefined ? [] : [fileIdentity(found)])]),
  ];
  return {
    identity: createHash('sha256').update(JSON.stringify(described)).digest('hex'),
    settled: states.every(({ found }) => found !== undefined && isSettled(found)),
  };
}
