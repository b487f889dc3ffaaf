import { z } from 'zod';
import { recordsBehind } from '../records/all-records.ts';
import type { KeyRecord } from '../records/key-record.ts';
import type { RecordKind, RecordKinds, Records } from '../records/records.ts';

/** An id as a client may give it. What looks otherwise is nobody's. */
export const idSchema = z.string().regex(/^[\w:.-]{1,256}$/, 'is no id');

/** `after` and `limit` of a list. */
export function pageQuery(limits: { readonly usual: number; readonly most: number }) {
  return {
    after: idSchema.optional().describe('the id behind which the page begins'),
    limit: z.coerce.number().int().min(1).max(limits.most).default(limits.usual),
  };
}

export const orderQuery = z.enum(['asc', 'desc']).default('desc').describe("'desc': the newest first");

/** The document's form of a list. */
export function listSchema(item: z.ZodType) {
  return z.object({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
}

export function listAnswer(objects: readonly { readonly id: string }[], hasMore: boolean) {
  return {
    type: 'json' as const,
    value: {
      object: 'list',
      data: objects,
      first_id: objects[0]?.id ?? null,
      last_id: objects.at(-1)?.id ?? null,
      has_more: hasMore,
    },
  };
}

const batch = 100;

/** A page of the records that the key's holder may know of, and that `isWanted`. */
export async function visiblePage<Kind extends RecordKind>(
  records: Records,
  key: KeyRecord,
  kind: Kind,
  page: { readonly after?: string | undefined; readonly limit: number; readonly order: 'asc' | 'desc' },
  isWanted: (record: RecordKinds[Kind]) => boolean = () => true,
): Promise<{ readonly items: readonly RecordKinds[Kind][]; readonly hasMore: boolean }> {
  const found: RecordKinds[Kind][] = [];
  const behind = recordsBehind(records, kind, {
    ...(key.role !== 'operator' && { tenant: key.tenant }),
    ...(page.after !== undefined && { after: page.after }),
    limit: Math.max(batch, Math.min(page.limit + 1, 1000)),
    order: page.order,
  });
  for await (const item of behind) {
    if (!isWanted(item)) continue;
    if (found.length === page.limit) return { items: found, hasMore: true };
    found.push(item);
  }
  return { items: found, hasMore: false };
}
