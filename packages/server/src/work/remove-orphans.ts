import { allRecords } from '../records/all-records.ts';
import type { Records } from '../records/records.ts';
import type { Service } from '../service.ts';

const prefix = 'files/';

/**
 * Looks for contents of files that no record names: a server died between the two, and nobody would ever be shown them, nor be able to
 * delete them. One that is still so after an hour is removed; a content that has just arrived gets its record within moments.
 *
 * @param graceMilliseconds Default an hour.
 * @returns one look, to be repeated; it tells the keys that it removed.
 */
export function createOrphanSweep(
  { records, storage }: Service,
  {
    graceMilliseconds = 3_600_000,
    now = Date.now,
  }: { readonly graceMilliseconds?: number; readonly now?: () => number } = {},
): () => Promise<readonly string[]> {
  let seen = new Map<string, number>();
  return async () => {
    const still = new Map<string, number>();
    const removed: string[] = [];
    // Listed before the records are: what comes in between has its record, or is not looked at yet.
    const keys = await storage.list(prefix);
    const named = new Set<string>();
    for await (const file of allRecords(records, 'file')) named.add(file.key);
    for (const key of keys) {
      if (named.has(key)) continue;
      const since = seen.get(key) ?? now();
      if (now() - since >= graceMilliseconds && seen.has(key) && !(await isNamed(records, key))) {
        await storage.remove(key);
        removed.push(key);
      } else {
        still.set(key, since);
      }
    }
    seen = still;
    return removed;
  };
}

/** Asks once more, by the ids of which keys are made: a list is cut short when what it stands at is removed meanwhile. */
async function isNamed(records: Records, key: string): Promise<boolean> {
  const name = key.slice(prefix.length);
  for (const id of [name, name.replace(/-\d+$/, '')]) {
    if ((await records.get('file', id))?.key === key) return true;
  }
  return false;
}
