import { recordsBehind } from './all-records.ts';
import type { ListOptions, RecordKind, RecordKinds, Records } from './records.ts';

/** Records come in the order in which they were made, by clocks that may differ by so many seconds. */
const clockSeconds = 3600;

/**
 * Records that were made after a time, the newest first, without reading all those before it.
 *
 * @param options `since`: Unix time in seconds, itself not meant. `after`: an id; only what came before it.
 */
export async function* recordsSince<Kind extends RecordKind>(
  records: Records,
  kind: Kind,
  { since, ...options }: Pick<ListOptions, 'tenant' | 'after'> & { readonly since: number },
): AsyncGenerator<RecordKinds[Kind]> {
  for await (const record of recordsBehind(records, kind, { ...options, limit: 100, order: 'desc' })) {
    if (record.createdAt > since) yield record;
    else if (record.createdAt <= since - clockSeconds) return;
  }
}
