import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { StorageError } from '../errors.ts';
import { fetchIntoFile } from './fetch-into-file.ts';
import type { Storage, StoredContent } from './storage.ts';
import { checkPrefix, partsOfKey } from './storage-key.ts';
import { discard, sourceOf, writeAndHash } from './stored-content.ts';

/** Its name begins with a dot, as no part of a key does. */
const temporaryFolder = '.temporary';

/** What was being written for a day without a change is of a process that died. */
const abandonedAfterMilliseconds = 24 * 60 * 60 * 1000;

/**
 * Contents in a folder, one file each, which several processes may use at once; with a shared folder several machines. A content is
 * streamed to a temporary name, brought to the disk and renamed. Links below the folder are not followed.
 *
 * @param directory - made when it is not there.
 * @throws StorageError 'failed' when it cannot be used.
 */
export async function openFolderStorage(directory: string): Promise<Storage> {
  try {
    await mkdir(join(directory, temporaryFolder), { recursive: true });
    const root = await realpath(directory);
    await removeAbandoned(join(root, temporaryFolder));
    return new FolderStorage(root);
  } catch (cause) {
    throw failure(directory, 'the folder cannot be used', cause);
  }
}

class FolderStorage implements Storage {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async put(key: string, content: string | Readable): Promise<StoredContent> {
    const temporary = this.#temporary('put');
    try {
      const stored = await writeAndHash(await sourceOf(key, content), temporary);
      await this.#moveInto(key, partsOfKey(key), temporary);
      return stored;
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => {});
      throw failure(key, 'cannot be stored', cause);
    } finally {
      discard(content);
    }
  }

  async read(key: string): Promise<Readable> {
    return (await this.#open(key)).createReadStream();
  }

  async fetch(key: string, path: string): Promise<void> {
    await fetchIntoFile(key, await this.read(key), path);
  }

  async list(prefix: string): Promise<readonly string[]> {
    checkPrefix(prefix);
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const keys: string[] = [];
    const walk = async (under: string): Promise<void> => {
      const entries = await readdir(join(this.#root, under), { withFileTypes: true }).catch(ignoreMissing);
      for (const entry of entries ?? []) {
        const name = under + entry.name;
        if (entry.name.startsWith('.') || !(name.startsWith(prefix) || prefix.startsWith(`${name}/`)))
          continue;
        if (entry.isFile()) keys.push(name);
        else if (entry.isDirectory()) await walk(`${name}/`);
      }
    };
    try {
      if (await this.#isWithoutLinks(folder.split('/').slice(0, -1))) await walk(folder);
    } catch (cause) {
      throw failure(prefix, 'cannot be listed', cause);
    }
    return keys.sort();
  }

  async remove(keyOrPrefix: string): Promise<void> {
    const isFolder = keyOrPrefix.endsWith('/');
    const parts = partsOfKey(isFolder ? keyOrPrefix.slice(0, -1) : keyOrPrefix);
    try {
      if (!(await this.#isWithoutLinks(parts.slice(0, -1)))) return;
      const path = join(this.#root, ...parts);
      const found = await lstat(path).catch(ignoreMissing);
      if (!found || found.isDirectory() !== isFolder) return;
      // At once, also for those who look while a large folder goes.
      const gone = this.#temporary('removed');
      await rename(path, gone).catch(ignoreMissing);
      await syncFolder(dirname(path)).catch(ignoreMissing);
      await rm(gone, { recursive: true, force: true });
    } catch (cause) {
      throw failure(keyOrPrefix, 'cannot be removed', cause);
    }
  }

  async close(): Promise<void> {}

  #temporary(what: 'put' | 'removed'): string {
    return join(this.#root, temporaryFolder, `${what}-${randomUUID()}`);
  }

  async #open(key: string): Promise<FileHandle> {
    const parts = partsOfKey(key);
    let handle: FileHandle | undefined;
    try {
      if (await this.#isWithoutLinks(parts.slice(0, -1))) {
        // NONBLOCK: a named pipe would wait for a writer.
        const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
        handle = await open(join(this.#root, ...parts), flags);
        if ((await handle.stat()).isFile()) return handle;
      }
    } catch (cause) {
      // ELOOP: it is a link.
      if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(cause))) {
        await handle?.close();
        throw failure(key, 'cannot be read', cause);
      }
    }
    await handle?.close();
    throw new StorageError(key, 'missing', 'is not in the storage');
  }

  /** Brings the finished file to its place. The folders that lead there may be removed at the same time. */
  async #moveInto(key: string, parts: readonly string[], temporary: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        let folder = this.#root;
        for (const name of parts.slice(0, -1)) {
          const parent = folder;
          folder = join(folder, name);
          const made = await mkdir(folder).then(() => true, ignoreExisting);
          if (made === true) await syncFolder(parent);
          if (!(await lstat(folder)).isDirectory())
            throw new StorageError(key, 'failed', `${name} is no folder, and is not followed`);
        }
        await rename(temporary, join(folder, parts.at(-1)!));
        // Put and removed already: there is nothing to bring to the disk.
        await syncFolder(folder).catch(ignoreMissing);
        return;
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || attempt === 10) throw error;
        // It was the content's own file that is missing, not a folder.
        await stat(temporary);
      }
    }
  }

  /** Whether the folders are there and are folders. */
  async #isWithoutLinks(parts: readonly string[]): Promise<boolean> {
    let folder = this.#root;
    for (const name of parts) {
      folder = join(folder, name);
      const found = await lstat(folder).catch(ignoreMissing);
      if (!found?.isDirectory()) return false;
    }
    return true;
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await lstat(path).catch(ignoreMissing);
    if (!found) continue;
    if (name.startsWith('removed-') || Date.now() - found.mtimeMs > abandonedAfterMilliseconds)
      await rm(path, { recursive: true, force: true });
  }
}

/** Brings what was renamed in it to the disk. */
async function syncFolder(path: string): Promise<void> {
  // Windows opens no folders.
  if (process.platform === 'win32') return;
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function failure(key: string, what: string, cause: unknown): StorageError {
  if (StorageError.isInstance(cause)) return cause;
  return new StorageError(key, 'failed', `${what} (${(cause as Error).message})`, { cause });
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown }).code);
}

function ignoreMissing(error: unknown): undefined {
  if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined;
  throw error;
}

function ignoreExisting(error: unknown): false {
  if (codeOf(error) === 'EEXIST') return false;
  throw error;
}
