import { allRecords } from '../records/all-records.ts';
import type { JobRecord } from '../records/job-record.ts';
import { finalStatuses } from '../records/job-record.ts';
import type { Service } from '../service.ts';

/** A tenant's jobs that are not over, the oldest first; paused ones among them. */
export async function openJobs({ records }: Service, tenant: string): Promise<readonly JobRecord[]> {
  const open: JobRecord[] = [];
  for await (const { id } of allRecords(records, 'open-job', tenant)) {
    const job = await records.get('job', id);
    if (job !== undefined && !finalStatuses.has(job.status)) open.push(job);
  }
  return open;
}

/** A job's place among all that wait: how many of its tenant's own come before it. */
export async function turnOf(service: Service, job: JobRecord): Promise<number> {
  const waiting = (await openJobs(service, job.tenant)).filter(({ status }) => status !== 'paused');
  const before = waiting.findIndex(({ id }) => id === job.id);
  return before === -1 ? waiting.length : before;
}
