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
    for (const key of await storage.list(prefix)) {
      if ((await records.get('file', key.slice(prefix.length))) !== undefined) continue;
      const since = seen.get(key) ?? now();
      if (now() - since >= graceMilliseconds && seen.has(key)) {
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
