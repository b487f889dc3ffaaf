import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Webhook } from 'standardwebhooks';
import type { WebhookRecord } from '../records/webhook-record.ts';
import { checkWebhookUrl, publicLookup } from './public-address.ts';

export interface WebhookSending {
  /** Whether webhooks may lead to addresses that are not public, and be http. */
  readonly allowPrivate: boolean;
  /** For the whole exchange, in milliseconds. Default 10,000. */
  readonly timeout?: number;
}

/**
 * Sends an event, signed as Standard Webhooks has it, with the secret and for a while with the one before it.
 *
 * @returns the status that was answered; of the answer nothing else is read, and no redirection is followed.
 * @throws Error when there is no answer.
 */
export async function sendWebhook(
  webhook: WebhookRecord,
  event: { readonly id: string; readonly payload: string },
  { allowPrivate, timeout = 10_000 }: WebhookSending,
): Promise<number> {
  checkWebhookUrl(webhook.url, allowPrivate);
  const url = new URL(webhook.url);
  const sentAt = new Date();
  const secrets = [webhook.secret];
  if (webhook.previous !== null && webhook.previous.until * 1000 > sentAt.getTime()) {
    secrets.push(webhook.previous.secret);
  }
  const signatures = secrets.map((secret) => new Webhook(secret).sign(event.id, sentAt, event.payload));
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeout);
    const request = send(
      url,
      {
        method: 'POST',
        agent: false,
        signal,
        ...(!allowPrivate && { lookup: publicLookup() }),
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(event.payload),
          'user-agent': 'SafeTune-Webhooks',
          'webhook-id': event.id,
          'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
          'webhook-signature': signatures.join(' '),
        },
      },
      (response) => {
        response.destroy();
        resolve(response.statusCode ?? 0);
      },
    );
    request.on('error', (error) => reject(signal.aborted ? new Error('no answer in time') : error));
    request.end(event.payload);
  });
}
