import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Queue } from '../queue/queue.ts';
import { openSqliteQueue } from '../queue/sqlite-queue.ts';
import type { Records } from '../records/records.ts';
import { openSqliteRecords } from '../records/sqlite-records.ts';
import { openFolderStorage } from '../storage/folder-storage.ts';
import type { Storage } from '../storage/storage.ts';

export interface StoreSettings {
  /** A folder of this machine's, which nobody but the service may read. Records and queue are in it, and by default contents. */
  readonly data: string;
  /** A folder for contents that several machines share. Default: `storage` in the data folder. */
  readonly storage?: string;
}

export interface Stores {
  readonly records: Records;
  readonly queue: Queue;
  readonly storage: Storage;
  /** Where servers count requests together. */
  readonly redis?: Redis;
  close(): Promise<void>;
}

/**
 * Opens what a service keeps. Several processes may have the same open.
 *
 * @throws StoreError, StorageError when something cannot be used.
 */
export async function openStores({
  data,
  storage: place = join(data, 'storage'),
}: StoreSettings): Promise<Stores> {
  const opened: { close(): Promise<void> }[] = [];
  const close = async () => {
    for (const one of opened.toReversed()) await one.close();
  };
  const keep = <Store extends { close(): Promise<void> }>(store: Store): Store => {
    opened.push(store);
    return store;
  };
  try {
    const records = keep(await openSqliteRecords(join(data, 'records.sqlite')));
    const queue = keep(await openSqliteQueue(join(data, 'queue.sqlite')));
    const storage = keep(await openFolderStorage(place));
    return { records, queue, storage, close };
  } catch (error) {
    await close();
    throw error;
  }
}
