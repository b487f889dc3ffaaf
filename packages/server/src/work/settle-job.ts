import type { JobRecord } from '../records/job-record.ts';
import { finalStatuses } from '../records/job-record.ts';
import { unixTime } from '../records/unix-time.ts';
import type { Service } from '../service.ts';
import { clearJob } from './clear-job.ts';
import { jobPrefix } from './job-names.ts';

/**
 * Makes true what the owner of a job wants of it, where no worker has the job: it is paused, or cancelled. A worker that has it does so
 * itself.
 *
 * @param job as it was read when it was not known who has it: if a worker takes it meanwhile, its attempt is another, and it is the
 *   worker's.
 * @returns the job when this changed it.
 */
export async function settleJob(service: Service, job: JobRecord): Promise<JobRecord | undefined> {
  const { queue, records, storage } = service;
  if (job.wanted === 'run') return undefined;
  if (!(await queue.remove(job.id)) && (await queue.has(job.id))) return undefined;
  // A job that is to be cancelled never goes on: its state goes first, as it would not be looked for once the job is over.
  if (job.wanted === 'cancel') await storage.remove(jobPrefix(job.id));
  const settled = await records.change('job', job.id, (now) => {
    if (now.attempt !== job.attempt || finalStatuses.has(now.status)) return undefined;
    const free = { estimatedFinish: null, worker: null };
    if (now.wanted === 'cancel') {
      return { ...now, ...free, status: 'cancelled', state: null, finishedAt: unixTime() };
    }
    if (now.wanted === 'pause' && now.status !== 'paused') {
      return { ...now, ...free, status: 'paused' };
    }
    return undefined;
  });
  if (settled !== undefined) {
    if (settled.status === 'cancelled') await clearJob(service, settled);
    await records.appendEvent(job.id, {
      createdAt: unixTime(),
      level: 'info',
      type: 'message',
      message: settled.status === 'cancelled' ? 'The job was cancelled.' : 'The job is paused.',
      data: null,
    });
  }
  return settled;
}
