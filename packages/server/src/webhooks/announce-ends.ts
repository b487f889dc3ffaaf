import { createHash } from 'node:crypto';
import { allRecords } from '../records/all-records.ts';
import { finalStatuses, type JobRecord } from '../records/job-record.ts';
import { unixTime } from '../records/unix-time.ts';
import type { Service } from '../service.ts';
import { type WebhookEventType, webhookPayload } from './webhook-events.ts';

/**
 * Makes of every job that has ended a delivery to each webhook of its tenant that wants to know, and then takes it from the open ones.
 * Whoever dies in between leaves it open, and the next one makes the same deliveries: their ids are those of job and webhook.
 */
export async function announceEnds(service: Service): Promise<void> {
  const { records } = service;
  for await (const { id } of allRecords(records, 'open-job')) {
    const job = await records.get('job', id);
    if (job === undefined || !finalStatuses.has(job.status)) continue;
    await announce(service, job);
    await records.remove('open-job', id);
  }
}

async function announce({ records }: Service, job: JobRecord): Promise<void> {
  const type = `fine_tuning.job.${job.status}` as WebhookEventType;
  for await (const webhook of allRecords(records, 'webhook', job.tenant)) {
    if (!webhook.eventTypes.includes(type)) continue;
    const id = `evt_${createHash('sha256').update(`${job.id} ${webhook.id}`).digest('hex').slice(0, 32)}`;
    if ((await records.get('webhook-delivery', id)) !== undefined) continue;
    const createdAt = job.finishedAt ?? unixTime();
    const payload = webhookPayload({ id, createdAt, type, jobId: job.id });
    try {
      await records.insert('webhook-delivery', {
        ...{
          id,
          tenant: job.tenant,
          createdAt,
          webhookId: webhook.id,
          payload,
          attempts: 0,
          nextAt: Date.now(),
        },
      });
    } catch (error) {
      // Another server was faster.
      if ((await records.get('webhook-delivery', id)) === undefined) throw error;
    }
  }
}
