import { newKey } from '../api/authentication.ts';
import { StoreError } from '../errors.ts';
import { openStores, type StoreSettings } from '../open-stores.ts';
import { allRecords } from '../records/all-records.ts';
import type { Records } from '../records/records.ts';
import { unixTime } from '../records/unix-time.ts';

/**
 * A new operator's key where there is none that opens anything: with it the others are made.
 *
 * @returns the key, which is kept nowhere; undefined where an operator has one.
 */
export async function makeFirstKey(records: Records): Promise<string | undefined> {
  const now = unixTime();
  for await (const { role, expiresAt } of allRecords(records, 'key')) {
    if (role === 'operator' && (expiresAt === null || expiresAt > now)) return undefined;
  }
  return addOperatorKey(records, 'first key');
}

/**
 * A new operator's key, for who has lost theirs and has the service's stores. Every other key stays as it is: the lost one is then revoked
 * with the new one. A server that runs meanwhile takes it at once.
 *
 * @returns the key, which is kept nowhere.
 * @throws StoreError 'missing' where no key was ever made: these are not a service's stores. StoreError, StorageError when something cannot
 * be used. Nothing is left open then.
 */
export async function makeOperatorKey(settings: StoreSettings): Promise<string> {
  const stores = await openStores(settings);
  try {
    const { items } = await stores.records.list('key', { limit: 1, order: 'asc' });
    if (items.length === 0)
      throw new StoreError(
        settings.redis === undefined ? settings.data : 'the Redis',
        'missing',
        'holds no key of a service: name what the service was started with',
      );
    return await addOperatorKey(stores.records, "made beside the API, with the service's stores");
  } finally {
    await stores.close();
  }
}

async function addOperatorKey(records: Records, name: string): Promise<string> {
  const { value, record } = newKey({
    ...{ tenant: 'operator', role: 'operator', name },
    ...{ expiresAt: null, requestsPerMinute: null },
  });
  await records.insert('key', record);
  return value;
}
