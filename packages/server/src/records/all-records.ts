import type { RecordKind, RecordKinds, Records } from './records.ts';

const batch = 1000;

/** All records of a tenant, or of everybody, the oldest first. */
export async function* allRecords<Kind extends RecordKind>(
  records: Records,
  kind: Kind,
  tenant?: string,
): AsyncGenerator<RecordKinds[Kind]> {
  let after: string | undefined;
  while (true) {
    const { items, hasMore } = await records.list(kind, {
      ...(tenant !== undefined && { tenant }),
      ...(after !== undefined && { after }),
      limit: batch,
      order: 'asc',
    });
    yield* items;
    after = items.at(-1)?.id;
    if (!hasMore || after === undefined) return;
  }
}
