import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { finalStatuses } from '../../records/job-record.ts';
import type { KeyRecord } from '../../records/key-record.ts';
import { unixTime } from '../../records/unix-time.ts';
import type { AnsweringService } from '../../service.ts';
import { idSchema, listAnswer, listSchema, pageQuery } from '../listing.ts';
import { defineRoute } from '../route.ts';
import { visibleJob } from '../visible.ts';
import { eventNumber, eventObject, eventSchema } from './job-object.ts';

const pollMilliseconds = 500;

/** `GET /v1/fine_tuning/jobs/{id}/events`: a page, the newest first; with `stream` each as it comes, the oldest first. */
export const listEvents = defineRoute({
  method: 'GET',
  path: '/v1/fine_tuning/jobs/{fine_tuning_job_id}/events',
  operation: 'listFineTuningEvents',
  summary: 'Lists what happened in a job, the newest first; or streams it until the job is over.',
  access: 'key',
  parameters: z.object({ fine_tuning_job_id: idSchema }),
  query: z.strictObject({
    ...pageQuery({ usual: 20, most: 1000 }),
    stream: z.enum(['true', 'false']).default('false').describe('server-sent events, the oldest first'),
  }),
  answer: listSchema(eventSchema),
  async handle({ service, key, parameters, query, signal, closing }) {
    const { id } = await visibleJob(service.records, key!, parameters.fine_tuning_job_id);
    const after = query.after === undefined ? undefined : eventNumber(id, query.after);
    if (query.stream === 'true')
      return {
        type: 'events',
        events: follow(service, { key: key!, id, start: after ?? 0 }, AbortSignal.any([signal, closing])),
      };
    if (query.after !== undefined && after === undefined) return listAnswer([], false);
    const { items, hasMore } = await service.records.events(id, {
      ...(after !== undefined && { after }),
      limit: query.limit,
      order: 'desc',
    });
    return listAnswer(
      items.map((event) => eventObject(id, event)),
      hasMore,
    );
  },
});

async function* follow(
  { records }: AnsweringService,
  { key, id, start }: { readonly key: KeyRecord; readonly id: string; readonly start: number },
  signal: AbortSignal,
): AsyncGenerator<string> {
  let after = start;
  while (!signal.aborted) {
    // The status is read first: an event that comes with the end is then still found.
    const job = await records.get('job', id);
    const { items, hasMore } = await records.events(id, { after, limit: 100, order: 'asc' });
    for (const event of items) {
      yield JSON.stringify(eventObject(id, event));
      after = event.number;
    }
    if (hasMore) continue;
    // A stream outlives no key: it may go on for days.
    const { expiresAt = 0 } = (await records.get('key', key.id)) ?? {};
    if (expiresAt !== null && expiresAt <= unixTime()) break;
    if (job === undefined || finalStatuses.has(job.status)) break;
    await sleep(pollMilliseconds, undefined, { signal }).catch(() => undefined);
  }
  yield '[DONE]';
}
