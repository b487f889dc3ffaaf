import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { openRedisConnection, type RedisOptions } from './database/redis-connection.ts';
import { openBullmqQueue } from './queue/bullmq-queue.ts';
import type { Queue } from './queue/queue.ts';
import { openSqliteQueue } from './queue/sqlite-queue.ts';
import type { Records } from './records/records.ts';
import { openRedisRecords } from './records/redis-records.ts';
import { openSqliteRecords } from './records/sqlite-records.ts';
import { openFolderStorage } from './storage/folder-storage.ts';
import { s3OptionsOf } from './storage/s3-options.ts';
import { openS3Storage } from './storage/s3-storage.ts';
import type { Storage } from './storage/storage.ts';

export interface StoreSettings {
  /** A folder of this machine's, which nobody but the service may read. Records and queue are in it unless Redis has them. */
  readonly data: string;
  /** `s3://bucket/prefix?endpoint=...`, or a folder, which several machines may share. Default: `storage` in the data folder. */
  readonly storage?: string;
  /** `redis://...` of a Redis or Valkey that holds records and queue, for servers and workers on several machines. */
  readonly redis?: string;
  /** After so many seconds without a sign of life from its worker, a job is given again. Default 30; the same for every process of a service. */
  readonly leaseSeconds?: number;
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
 * @param onWarning hears what the operator should know of Redis.
 * @throws StoreError, StorageError when something cannot be used, RangeError for a lease that is none; nothing is left open then.
 */
export async function openStores(
  { data, storage: place = join(data, 'storage'), redis: url, leaseSeconds }: StoreSettings,
  onWarning?: (text: string) => void,
): Promise<Stores> {
  const times = leaseSeconds === undefined ? {} : { leaseSeconds };
  const opened: (() => unknown)[] = [];
  const close = async () => {
    for (const one of opened.splice(0).toReversed()) await one();
  };
  const keep = <Store extends { close(): Promise<void> }>(store: Store): Store => {
    opened.push(() => store.close());
    return store;
  };
  try {
    const storage = keep(
      place.startsWith('s3://')
        ? await openS3Storage(s3OptionsOf(place, process.env))
        : await openFolderStorage(place),
    );
    if (url === undefined) {
      const records = keep(await openSqliteRecords(join(data, 'records.sqlite')));
      const queue = keep(await openSqliteQueue(join(data, 'queue.sqlite'), times));
      return { records, queue, storage, close };
    }
    // Each connection would say the same.
    const told: RedisOptions = onWarning === undefined ? {} : { onWarning };
    const redis = await openRedisConnection(url, told);
    opened.push(() => redis.disconnect());
    const records = keep(await openRedisRecords(url));
    const queue = keep(await openBullmqQueue(url, times));
    return { records, queue, storage, redis, close };
  } catch (error) {
    await close();
    throw error;
  }
}
