import type { ListOptions, RecordKind, RecordKinds, Records } from './records.ts';

const batch = 1000;

/** All records of a tenant, or of everybody, the oldest first. */
export function allRecords<Kind extends RecordKind>(
  records: Records,
  kind: Kind,
  tenant?: string,
): AsyncGenerator<RecordKinds[Kind]> {
  return recordsBehind(records, kind, {
    ...(tenant !== undefined && { tenant }),
    limit: batch,
    order: 'asc',
  });
}

/**
 * All records behind a cursor, each once, page after page. A page's last record may be removed meanwhile: what comes behind is given all the
 * same. One that is removed and inserted again, which changes its place, is given once.
 *
 * @param options of the first page; `limit` is of each.
 */
export async function* recordsBehind<Kind extends RecordKind>(
  records: Records,
  kind: Kind,
  options: ListOptions,
): AsyncGenerator<RecordKinds[Kind]> {
  const given = new Set<string>();
  let after = options.after;
  while (true) {
    const { items, hasMore } = await records.list(kind, {
      ...options,
      ...(after !== undefined && { after }),
    });
    for (const item of items) {
      if (given.has(item.id)) continue;
      given.add(item.id);
      yield item;
    }
    if (!hasMore) return;
    after = items.at(-1)!.id;
  }
}
