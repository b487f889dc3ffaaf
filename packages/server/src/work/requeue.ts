import { allRecords } from '../records/all-records.ts';
import type { JobRecord } from '../records/job-record.ts';
import { finalStatuses } from '../records/job-record.ts';
import { unixTime } from '../records/unix-time.ts';
import type { Service } from '../service.ts';
import { settleJob } from './settle-job.ts';
import { turnOf } from './turn.ts';

/** A job gets its record within this many seconds of being announced as open, or its server died in between. */
const secondsToRecord = 600;

/**
 * Puts jobs into the queue that should be there and are not: the server that recorded one died before it could, or the queue lost it. A
 * worker ends its lease after it has recorded how the job ended; so one that is not over, and that the queue does not know, is nobody's.
 *
 * Several servers may do this at once.
 *
 * @returns ids of the jobs that were put there.
 */
export async function requeueJobs(service: Service): Promise<readonly string[]> {
  const { records, queue } = service;
  const added: string[] = [];
  for await (const { id, createdAt } of allRecords(records, 'open-job')) {
    const isQueued = await queue.has(id);
    // Read after the queue was asked: what ended in between has its end in the record.
    const job = await records.get('job', id);
    if (job === undefined) {
      if (createdAt < unixTime() - secondsToRecord) await records.remove('open-job', id);
      continue;
    }
    if (isQueued || !isToRun(job)) continue;
    if (job.wanted === 'run') {
      await queue.add(id, await turnOf(service, job));
      added.push(id);
    } else {
      await settleJob(service, job);
    }
  }
  return added;
}

function isToRun({ status, wanted }: JobRecord): boolean {
  return !finalStatuses.has(status) && (status !== 'paused' || wanted !== 'pause');
}
