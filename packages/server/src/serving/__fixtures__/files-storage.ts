import { copyFile } from 'node:fs/promises';
import { StorageError } from '../../errors.ts';
import type { Storage } from '../../storage/storage.ts';

/** A storage that gives files of this machine, by their keys, and counts what is fetched. */
export function filesStorage(files: Readonly<Record<string, string>>) {
  const fetched: string[] = [];
  const no = () => Promise.reject(new Error('not of this fixture'));
  const storage: Storage = {
    async fetch(key, path) {
      fetched.push(key);
      const file = files[key];
      if (file === undefined) throw new StorageError(key, 'missing', 'is not there');
      if (file === 'fails') throw new StorageError(key, 'failed', 'the store does not answer');
      await copyFile(file, path);
    },
    put: no,
    read: no,
    list: no,
    remove: no,
    close: async () => {},
  };
  return { storage, fetched };
}
