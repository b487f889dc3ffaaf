import { newKey } from '../api/authentication.ts';
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
  const { value, record } = newKey({
    ...{ tenant: 'operator', role: 'operator', name: 'first key' },
    ...{ expiresAt: null, requestsPerMinute: null },
  });
  await records.insert('key', record);
  return value;
}
