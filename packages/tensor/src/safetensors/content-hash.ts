import { createHash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FileWriteError, writeFileAtomically } from '../atomic-file.ts';
import { compareTensors } from './format.ts';
import { type TensorRegion, tensorChunks } from './read.ts';

/**
 * SHA-256 of tensors' names, shapes, types and bytes. Remembered in the cache for files that have not changed since, by
 * their size, inode and times: reading a large checkpoint takes longer than starting to train it.
 *
 * @throws SafetensorsError when a file vanished or shrank, FileWriteError when the cache cannot be written.
 */
export async function contentHash(sources: readonly TensorRegion[], cacheDirectory: string): Promise<string> {
  const sorted = [...sources].sort(compareTensors);
  const { identity, settled } = await fileIdentity(sorted);
  const path = join(cacheDirectory, `${identity}.hash`);
  const remembered = await readFile(path, 'utf8').catch(() => '');
  if (/^[0-9a-f]{64}$/.test(remembered)) return remembered;
  const hash = await hashContents(sorted);
  if (settled) {
    await mkdir(cacheDirectory, { recursive: true }).catch((cause: unknown) => {
      throw new FileWriteError(path, cause);
    });
    await writeFileAtomically(path, hash);
  }
  return hash;
}

async function hashContents(sources: readonly TensorRegion[]): Promise<string> {
  const hash = createHash('sha256');
  for (const region of sources) {
    hash.update(`${JSON.stringify([region.name, region.dtype, region.shape])}\n`);
    for await (const chunk of tensorChunks(region)) hash.update(chunk);
  }
  return hash.digest('hex');
}

/** A file changed within this time might change once more without another time stamp. */
const settlingMilliseconds = 2000;

/** What the regions are, and of which files in which state; settled when no file has changed just now. */
async function fileIdentity(sources: readonly TensorRegion[]) {
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
    ...states.map(({ file, found }) => [
      file,
      ...(found === undefined
        ? []
        : [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].map(String)),
    ]),
  ];
  const latest = Math.max(
    ...states.map(({ found }) => (found === undefined ? Infinity : Number(found.ctimeMs))),
  );
  return {
    identity: createHash('sha256').update(JSON.stringify(described)).digest('hex'),
    settled: Date.now() - latest > settlingMilliseconds,
  };
}
