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
 * All records behind a cursor, each once, page after page. A page's last record may be removed before the next page is asked for, which is
 * empty then: whoever could bring that about would hide what comes behind from a quota. So the pages are gone through anew, and what was
 * given is passed over.
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
    if (hasMore) after = items.at(-1)!.id;
    else if (items.length > 0 || after === options.after) return;
    else if ((await records.get(kind, after!)) === undefined) after = options.after;
    else return;
  }
}
