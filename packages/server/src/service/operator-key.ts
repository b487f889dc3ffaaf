import { newKey } from '../api/authentication.ts';
import { openStores, type StoreSettings } from './open-stores.ts';

/**
 * A new operator's key, for who has lost theirs and has the service's stores. Every other key stays as it is: the lost one is then revoked
 * with the new one. A server that runs meanwhile takes it at once.
 *
 * @returns the key, which is kept nowhere.
 * @throws StoreError, StorageError when something cannot be used; nothing is left open then.
 */
export async function makeOperatorKey(settings: StoreSettings): Promise<string> {
  const stores = await openStores(settings);
  try {
    const { value, record } = newKey({
      ...{ tenant: 'operator', role: 'operator', name: "made beside the API, with the service's stores" },
      ...{ expiresAt: null, requestsPerMinute: null },
    });
    await stores.records.insert('key', record);
    return value;
  } finally {
    await stores.close();
  }
}
