import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError, StorageError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';

const needed = ['adapter_config.json', 'adapter_model.safetensors'];
/** A system prompt that a safeguard counts on. */
const optional = 'inference_prompt.json';

/** Folders of adapters on this machine's disk, each fetched from the storage once. */
export interface AdapterCache {
  /**
   * The folder of an adapter's files. It is there whole or not at all, also when the process dies in between.
   *
   * @throws ApiError 404 when the storage has no such adapter; StorageError.
   */
  folder(prefix: string): Promise<string>;
  forget(prefix: string): Promise<void>;
}

/** @param directory - the cache's own. What an earlier process left half done is removed. */
export async function openAdapterCache(directory: string, storage: Storage): Promise<AdapterCache> {
  await mkdir(directory, { recursive: true });
  for (const name of await readdir(directory))
    if (name.startsWith('.')) await rm(join(directory, name), { recursive: true, force: true });
  const fetching = new Map<string, Promise<string>>();
  // No name of a folder comes from elsewhere, whatever the prefix is.
  const place = (prefix: string) => join(directory, createHash('sha256').update(prefix).digest('hex'));

  const fetchWhole = async (prefix: string): Promise<string> => {
    const folder = place(prefix);
    if (await isThere(folder)) return folder;
    const half = join(directory, `.${randomUUID()}`);
    await mkdir(half);
    try {
      const base = prefix.replace(/\/$/, '');
      for (const name of needed) await storage.fetch(`${base}/${name}`, join(half, name));
      await storage.fetch(`${base}/${optional}`, join(half, optional)).catch(ignoreMissing);
      await rename(half, folder);
      return folder;
    } catch (error) {
      await rm(half, { recursive: true, force: true });
      if (isMissing(error))
        throw new ApiError(404, 'the model is not there any more', {
          code: 'model_not_found',
          param: 'model',
        });
      throw error;
    }
  };

  return {
    folder(prefix) {
      const known = fetching.get(prefix);
      if (known !== undefined) return known;
      const fetched = fetchWhole(prefix).finally(() => fetching.delete(prefix));
      fetching.set(prefix, fetched);
      return fetched;
    },
    async forget(prefix) {
      await fetching.get(prefix)?.catch(() => undefined);
      await rm(place(prefix), { recursive: true, force: true });
    },
  };
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function isMissing(error: unknown): boolean {
  return StorageError.isInstance(error) && error.problem === 'missing';
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
