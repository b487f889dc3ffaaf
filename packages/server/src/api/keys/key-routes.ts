import { z } from 'zod';
import { ApiError } from '../../errors.ts';
import { allRecords } from '../../records/all-records.ts';
import type { KeyRecord } from '../../records/key-record.ts';
import type { Records } from '../../records/records.ts';
import { unixTime } from '../../records/unix-time.ts';
import { newKey } from '../authentication.ts';
import { idSchema, listAnswer, listSchema, orderQuery, pageQuery, visiblePage } from '../listing.ts';
import { defineRoute } from '../route.ts';

const keySchema = z.object({
  id: z.string(),
  object: z.literal('organization.api_key'),
  name: z.string().nullable(),
  tenant: z.string(),
  role: z.enum(['customer', 'operator']),
  created_at: z.int(),
  expires_at: z.int().nullable(),
  redacted_value: z.string(),
  requests_per_minute: z.int().nullable(),
});

const newKeySchema = z.object({ ...keySchema.shape, value: z.string().describe('the key, shown this once') });

function keyObject(key: KeyRecord): z.output<typeof keySchema> {
  return {
    id: key.id,
    object: 'organization.api_key',
    name: key.name ?? null,
    tenant: key.tenant,
    role: key.role,
    created_at: key.createdAt,
    expires_at: key.expiresAt,
    redacted_value: `${key.hint}...`,
    requests_per_minute: key.requestsPerMinute,
  };
}

const seconds = z
  .int()
  .min(1)
  .max(10 * 366 * 24 * 3600);

const createKey = defineRoute({
  method: 'POST',
  path: '/v1/organization/keys',
  operation: 'createKey',
  summary: 'Makes a key. It is shown this once, and kept nowhere.',
  access: 'operator',
  body: z.strictObject({
    tenant: z
      .string()
      .regex(/^[\w-]{1,64}$/, 'may have 1 to 64 letters, digits, _ -')
      .describe('whose files, jobs and models are seen with it; one that is new is there with its first key'),
    role: z.enum(['customer', 'operator']).default('customer'),
    name: z.string().max(100).optional(),
    expires_in_seconds: seconds.optional(),
    requests_per_minute: z.int().min(1).max(1_000_000).optional(),
  }),
  answer: newKeySchema,
  async handle({ service, body }) {
    const { value, record } = newKey({
      tenant: body.tenant,
      role: body.role,
      ...(body.name !== undefined && { name: body.name }),
      expiresAt: body.expires_in_seconds === undefined ? null : unixTime() + body.expires_in_seconds,
      requestsPerMinute: body.requests_per_minute ?? null,
    });
    await service.records.insert('key', record);
    return { type: 'json', value: { ...keyObject(record), value } };
  },
});

const listKeys = defineRoute({
  method: 'GET',
  path: '/v1/organization/keys',
  operation: 'listKeys',
  summary: 'Lists keys, without what would open anything.',
  access: 'operator',
  query: z.strictObject({ ...pageQuery({ usual: 20, most: 1000 }), order: orderQuery }),
  answer: listSchema(keySchema),
  async handle({ service, key, query }) {
    const { items, hasMore } = await visiblePage(service.records, key!, 'key', query);
    return listAnswer(items.map(keyObject), hasMore);
  },
});

/** For customers too: a program learns what the key that it was given may do, without trying it. */
const retrieveOwnKey = defineRoute({
  method: 'GET',
  path: '/v1/service/key',
  operation: 'retrieveOwnKey',
  summary: 'Tells of the key that the request brings: its tenant, its role, and when it ends.',
  access: 'key',
  answer: keySchema,
  async handle({ key }) {
    return { type: 'json', value: keyObject(key!) };
  },
});

const parameters = z.object({ key_id: idSchema });

const deleteKey = defineRoute({
  method: 'DELETE',
  path: '/v1/organization/keys/{key_id}',
  operation: 'deleteKey',
  summary: 'Revokes a key: it opens nothing from then on.',
  access: 'operator',
  parameters,
  answer: z.object({
    id: z.string(),
    object: z.literal('organization.api_key.deleted'),
    deleted: z.literal(true),
  }),
  async handle({ service, parameters: { key_id: id } }) {
    const key = await service.records.get('key', id);
    if (key === undefined) throw noSuchKey(id);
    if (key.role === 'operator') await requireAnotherOperator(service.records, id);
    if (!(await service.records.remove('key', id))) throw noSuchKey(id);
    return { type: 'json', value: { id, object: 'organization.api_key.deleted', deleted: true } };
  },
});

const rotateKey = defineRoute({
  method: 'POST',
  path: '/v1/organization/keys/{key_id}/rotate',
  operation: 'rotateKey',
  summary:
    'Makes a key that opens what the old one does, which ends at once, or after a time in which both do.',
  access: 'operator',
  parameters,
  body: z.strictObject({
    keep_old_for_seconds: z
      .int()
      .min(0)
      .max(30 * 24 * 3600)
      .default(0),
  }),
  answer: newKeySchema,
  async handle({ service, parameters: { key_id: id }, body }) {
    const { records } = service;
    const old = await records.get('key', id);
    if (old === undefined) throw noSuchKey(id);
    const { tenant, role, expiresAt, requestsPerMinute, name } = old;
    const { value, record } = newKey({
      ...{ tenant, role, expiresAt, requestsPerMinute },
      ...(name !== undefined && { name }),
    });
    // The new one first: whoever dies here has two keys, not none.
    await records.insert('key', record);
    const end = unixTime() + body.keep_old_for_seconds;
    await records.change('key', id, (key) => ({ ...key, expiresAt: Math.min(end, key.expiresAt ?? end) }));
    return { type: 'json', value: { ...keyObject(record), value } };
  },
});

/** @throws ApiError 400 when nobody would be left who can make keys. */
async function requireAnotherOperator(records: Records, id: string): Promise<void> {
  for await (const key of allRecords(records, 'key')) {
    if (key.id !== id && key.role === 'operator' && key.expiresAt === null) return;
  }
  throw new ApiError(
    400,
    "This is the last operator's key that does not end. Make another one first, or rotate it.",
    {
      code: 'last_operator_key',
    },
  );
}

function noSuchKey(id: string): ApiError {
  return new ApiError(404, `No such key: ${id}`, { param: 'key_id' });
}

export const keyRoutes = [createKey, listKeys, retrieveOwnKey, deleteKey, rotateKey];
