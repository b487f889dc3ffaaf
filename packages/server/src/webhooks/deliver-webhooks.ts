import type { FastifyBaseLogger } from 'fastify';
import { allRecords } from '../records/all-records.ts';
import type { WebhookDeliveryRecord } from '../records/webhook-record.ts';
import type { Service } from '../service.ts';
import { sendWebhook, type WebhookSending } from './send-webhook.ts';

const second = 1000;
/** What is waited after each attempt that failed; then it is tried every six hours. */
const backOff = [5, 30, 120, 600, 1800, 3600, 10_800].map((seconds) => seconds * second);
const longest = 6 * 3600 * second;
/** As OpenAI does, for three days. */
const givenUpAfter = 72 * 3600;
/** Whoever tries a delivery has it for so long. */
const attemptMilliseconds = 60 * second;
const atOnce = 10;

/**
 * Tries each delivery whose time has come. One that arrived is forgotten; another is tried again later, and given up after three days. A
 * server that dies between the answer and its record has it delivered twice: the id tells.
 *
 * @param now in milliseconds since 1970.
 */
export async function deliverWebhooks(
  service: Service,
  sending: WebhookSending,
  { now = Date.now(), logger }: { readonly now?: number; readonly logger?: FastifyBaseLogger } = {},
): Promise<void> {
  const running = new Set<Promise<void>>();
  for await (const delivery of allRecords(service.records, 'webhook-delivery')) {
    if (delivery.nextAt > now) continue;
    // A webhook that is slow holds up no other's.
    if (running.size >= atOnce) await Promise.race(running);
    const attempt = deliver(service, delivery, sending, now, logger).finally(() => running.delete(attempt));
    running.add(attempt);
  }
  await Promise.all(running);
}

async function deliver(
  { records }: Service,
  { id }: WebhookDeliveryRecord,
  sending: WebhookSending,
  now: number,
  logger: FastifyBaseLogger | undefined,
): Promise<void> {
  const delivery = await records.change('webhook-delivery', id, (found) =>
    found.nextAt > now
      ? undefined
      : { ...found, attempts: found.attempts + 1, nextAt: now + attemptMilliseconds },
  );
  if (delivery === undefined) return;
  const webhook = await records.get('webhook', delivery.webhookId);
  if (webhook === undefined) {
    await records.remove('webhook-delivery', id);
    return;
  }
  const outcome = await sendWebhook(webhook, delivery, sending).catch((error: Error) => error.message);
  const hasArrived = typeof outcome === 'number' && outcome >= 200 && outcome < 300;
  const wait = backOff[delivery.attempts - 1] ?? longest;
  const isGivenUp = !hasArrived && now / second - delivery.createdAt > givenUpAfter;
  if (!hasArrived) {
    const facts = { delivery: id, webhook: webhook.id, attempts: delivery.attempts, outcome };
    logger?.warn(facts, isGivenUp ? 'a webhook was given up' : 'a webhook did not arrive');
  }
  if (hasArrived || isGivenUp) await records.remove('webhook-delivery', id);
  else await records.change('webhook-delivery', id, (found) => ({ ...found, nextAt: now + wait }));
}
