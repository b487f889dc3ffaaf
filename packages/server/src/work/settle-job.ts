import type { JobRecord } from '../records/job-record.ts';
import { finalStatuses } from '../records/job-record.ts';
import { unixTime } from '../records/unix-time.ts';
import type { Service } from '../service.ts';

/**
 * Makes true what the owner of a job wants of it, where no worker has the job: it is paused, or cancelled. A worker that has it does so
 * itself.
 *
 * @param job as it was read when it was not known who has it: if a worker takes it meanwhile, its attempt is another, and it is the
 *   worker's.
 * @returns the job when this changed it.
 */
export async function settleJob(service: Service, job: JobRecord): Promise<JobRecord | undefined> {
  const { queue, records } = service;
  if (job.wanted === 'run') return undefined;
  if (!(await queue.remove(job.id)) && (await queue.has(job.id))) return undefined;
  const settled = await records.change('job', job.id, (now) => {
    if (now.attempt !== job.attempt || finalStatuses.has(now.status)) return undefined;
    if (now.wanted === 'cancel') {
      return { ...now, status: 'cancelled', finishedAt: unixTime(), estimatedFinish: null, worker: null };
    }
    if (now.wanted === 'pause' && now.status !== 'paused') {
      return { ...now, status: 'paused', estimatedFinish: null, worker: null };
    }
    return undefined;
  });
  if (settled !== undefined) {
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
