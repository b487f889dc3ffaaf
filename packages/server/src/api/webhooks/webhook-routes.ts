import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { ApiError } from '../../errors.ts';
import { allRecords } from '../../records/all-records.ts';
import type { KeyRecord } from '../../records/key-record.ts';
import { newId } from '../../records/new-id.ts';
import type { Records } from '../../records/records.ts';
import { unixTime } from '../../records/unix-time.ts';
import type { WebhookRecord } from '../../records/webhook-record.ts';
import { checkWebhookUrl } from '../../webhooks/public-address.ts';
import { sendWebhook } from '../../webhooks/send-webhook.ts';
import { webhookEventTypes, webhookPayload } from '../../webhooks/webhook-events.ts';
import { idSchema, listAnswer, listSchema, pageQuery, visiblePage } from '../listing.ts';
import { defineRoute } from '../route.ts';
import { isVisible } from '../visible.ts';
import {
  webhookObject,
  webhookSchema,
  webhookWithSecret,
  webhookWithSecretSchema,
} from './webhook-object.ts';

const mostOfTenant = 10;
const name = z.string().min(1).max(100);
const url = z.string().min(1).max(2000);
const eventTypes = z.array(z.enum(webhookEventTypes)).min(1).max(webhookEventTypes.length);
const parameters = z.object({ webhook_endpoint_id: idSchema });

function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

const createWebhook = defineRoute({
  method: 'POST',
  path: '/v1/webhook_endpoints',
  operation: 'createWebhookEndpoint',
  summary: 'Names a place that is told of the end of jobs.',
  access: 'key',
  body: z.strictObject({ name, url, event_types: eventTypes }),
  answer: webhookWithSecretSchema,
  async handle({ service, key, body }) {
    const { records, webhooks } = service;
    const { tenant } = key!;
    checkWebhookUrl(body.url, webhooks.allowPrivate);
    await requireRoom(records, tenant);
    const now = unixTime();
    const webhook: WebhookRecord = {
      id: newId('whe_'),
      tenant,
      createdAt: now,
      updatedAt: now,
      name: body.name,
      url: body.url,
      eventTypes: [...new Set(body.event_types)],
      secret: newSecret(),
      previous: null,
    };
    await records.insert('webhook', webhook);
    try {
      // Once more, now that others see it: several may have been made at once.
      await requireRoom(records, tenant, webhook.id);
    } catch (error) {
      await records.remove('webhook', webhook.id);
      throw error;
    }
    return { type: 'json', value: webhookWithSecret(webhook) };
  },
});

const listWebhooks = defineRoute({
  method: 'GET',
  path: '/v1/webhook_endpoints',
  operation: 'listWebhookEndpoints',
  summary: 'Lists webhooks, the newest first.',
  access: 'key',
  query: z.strictObject(pageQuery({ usual: 20, most: 100 })),
  answer: listSchema(webhookSchema),
  async handle({ service, key, query }) {
    const page = { ...query, order: 'desc' as const };
    const { items, hasMore } = await visiblePage(service.records, key!, 'webhook', page);
    return listAnswer(items.map(webhookObject), hasMore);
  },
});

const retrieveWebhook = defineRoute({
  method: 'GET',
  path: '/v1/webhook_endpoints/{webhook_endpoint_id}',
  operation: 'retrieveWebhookEndpoint',
  summary: 'Tells what is known of a webhook, but its secret.',
  access: 'key',
  parameters,
  answer: webhookSchema,
  async handle({ service, key, parameters: { webhook_endpoint_id: id } }) {
    return { type: 'json', value: webhookObject(await visibleWebhook(service.records, key!, id)) };
  },
});

const updateWebhook = defineRoute({
  method: 'POST',
  path: '/v1/webhook_endpoints/{webhook_endpoint_id}',
  operation: 'updateWebhookEndpoint',
  summary: 'Changes where a webhook leads, what it is told, or its name.',
  access: 'key',
  parameters,
  body: z.strictObject({ name: name.optional(), url: url.optional(), event_types: eventTypes.optional() }),
  answer: webhookSchema,
  async handle({ service, key, parameters: { webhook_endpoint_id: id }, body }) {
    if (body.url !== undefined) checkWebhookUrl(body.url, service.webhooks.allowPrivate);
    const changed = await changedWebhook(service.records, key!, id, (webhook) => ({
      ...webhook,
      updatedAt: unixTime(),
      name: body.name ?? webhook.name,
      url: body.url ?? webhook.url,
      eventTypes: body.event_types ?? webhook.eventTypes,
    }));
    return { type: 'json', value: webhookObject(changed) };
  },
});

const deleteWebhook = defineRoute({
  method: 'DELETE',
  path: '/v1/webhook_endpoints/{webhook_endpoint_id}',
  operation: 'deleteWebhookEndpoint',
  summary: 'Deletes a webhook; what is on its way to it is not delivered.',
  access: 'key',
  parameters,
  answer: z.object({
    id: z.string(),
    object: z.literal('webhook_endpoint.deleted'),
    deleted: z.literal(true),
  }),
  async handle({ service, key, parameters: { webhook_endpoint_id: id } }) {
    await visibleWebhook(service.records, key!, id);
    if (!(await service.records.remove('webhook', id))) throw noSuchWebhook(id);
    return { type: 'json', value: { id, object: 'webhook_endpoint.deleted', deleted: true } };
  },
});

const rotateSecret = defineRoute({
  method: 'POST',
  path: '/v1/webhook_endpoints/{webhook_endpoint_id}/rotate_secret',
  operation: 'rotateWebhookEndpointSecret',
  summary: 'Gives a webhook a new secret. The old one may sign beside it for a day.',
  access: 'key',
  parameters,
  body: z.strictObject({ keep_old_secret_active_for_24_hours: z.boolean().default(false) }),
  answer: webhookWithSecretSchema,
  async handle({ service, key, parameters: { webhook_endpoint_id: id }, body }) {
    const secret = newSecret();
    const now = unixTime();
    const changed = await changedWebhook(service.records, key!, id, (webhook) => ({
      ...webhook,
      updatedAt: now,
      secret,
      previous: body.keep_old_secret_active_for_24_hours
        ? { secret: webhook.secret, until: now + 24 * 3600 }
        : null,
    }));
    return { type: 'json', value: webhookWithSecret(changed) };
  },
});

const testWebhook = defineRoute({
  method: 'POST',
  path: '/v1/webhook_endpoints/{webhook_endpoint_id}/test',
  operation: 'testWebhookEndpoint',
  summary:
    'Sends a webhook an event of a job that there is not, once, and tells the status that it answered.',
  access: 'key',
  parameters,
  body: z.strictObject({ event_type: z.enum(webhookEventTypes) }),
  answer: z.object({
    object: z.literal('webhook_endpoint.test'),
    webhook_endpoint_id: z.string(),
    event_type: z.string(),
    status_code: z.int(),
    success: z.literal(true),
  }),
  async handle({ service, key, parameters: { webhook_endpoint_id: id }, body }) {
    const webhook = await visibleWebhook(service.records, key!, id);
    const event = { id: newId('evt_'), createdAt: unixTime(), type: body.event_type, jobId: 'ftjob-test' };
    const sent = { id: event.id, payload: webhookPayload(event) };
    const status = await sendWebhook(webhook, sent, service.webhooks).catch(() => {
      // Why, would tell who stands at an address: a scanner's question.
      throw new ApiError(400, 'The webhook did not answer.', { code: 'webhook_unreachable', param: 'url' });
    });
    return {
      type: 'json',
      value: {
        object: 'webhook_endpoint.test',
        webhook_endpoint_id: id,
        event_type: body.event_type,
        status_code: status,
        success: true,
      },
    };
  },
});

const listEventTypes = defineRoute({
  method: 'GET',
  path: '/v1/webhook_event_types',
  operation: 'listWebhookEventTypes',
  summary: 'What a webhook can be told.',
  access: 'key',
  answer: z.object({ object: z.literal('list'), data: z.array(z.string()) }),
  async handle() {
    return { type: 'json', value: { object: 'list', data: webhookEventTypes } };
  },
});

/** @throws ApiError 400 when the tenant has as many as it may; of one that is there already, those before it count. */
async function requireRoom(records: Records, tenant: string, webhookId?: string): Promise<void> {
  let count = 0;
  for await (const { id } of allRecords(records, 'webhook', tenant)) {
    if (id === webhookId) break;
    count += 1;
  }
  if (count < mostOfTenant) return;
  throw new ApiError(400, `You have ${count} webhooks, as many as you may.`, {
    code: 'webhook_quota_exceeded',
  });
}

async function visibleWebhook(records: Records, key: KeyRecord, id: string): Promise<WebhookRecord> {
  const webhook = await records.get('webhook', id);
  if (webhook === undefined || !isVisible(key, webhook)) throw noSuchWebhook(id);
  return webhook;
}

async function changedWebhook(
  records: Records,
  key: KeyRecord,
  id: string,
  change: (webhook: WebhookRecord) => WebhookRecord,
): Promise<WebhookRecord> {
  await visibleWebhook(records, key, id);
  const changed = await records.change('webhook', id, change);
  if (changed === undefined) throw noSuchWebhook(id);
  return changed;
}

function noSuchWebhook(id: string): ApiError {
  return new ApiError(404, `No such webhook endpoint: ${id}`, { param: 'webhook_endpoint_id' });
}

export const webhookRoutes = [
  createWebhook,
  listWebhooks,
  retrieveWebhook,
  updateWebhook,
  deleteWebhook,
  rotateSecret,
  testWebhook,
  listEventTypes,
];
