import { z } from 'zod';
import type { WebhookRecord } from '../../records/webhook-record.ts';

export const webhookSchema = z.object({
  id: z.string(),
  object: z.literal('webhook_endpoint'),
  created_at: z.int(),
  updated_at: z.int(),
  name: z.string(),
  url: z.string(),
  event_types: z.array(z.string()),
  signing_secret_hint: z.string(),
});

export const webhookWithSecretSchema = z.object({
  ...webhookSchema.shape,
  signing_secret: z.string().describe('shown this once'),
});

export function webhookObject(webhook: WebhookRecord): z.output<typeof webhookSchema> {
  return {
    id: webhook.id,
    object: 'webhook_endpoint',
    created_at: webhook.createdAt,
    updated_at: webhook.updatedAt,
    name: webhook.name,
    url: webhook.url,
    event_types: [...webhook.eventTypes],
    signing_secret_hint: `whsec_...${webhook.secret.slice(-4)}`,
  };
}

export function webhookWithSecret(webhook: WebhookRecord): z.output<typeof webhookWithSecretSchema> {
  return { ...webhookObject(webhook), signing_secret: webhook.secret };
}
