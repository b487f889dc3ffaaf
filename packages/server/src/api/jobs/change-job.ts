import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '../../errors.ts';
import { finalStatuses, type JobRecord } from '../../records/job-record.ts';
import { unixTime } from '../../records/unix-time.ts';
import type { AnsweringService } from '../../service.ts';
import { settleJob } from '../../work/settle-job.ts';
import { turnOf } from '../../work/turn.ts';

// What may become of a job, whoever asks at the same time: each rule is applied to the record as it is in the moment of its change. What
// may not is 400 and not 409, as the official clients try again after a 409.

/**
 * Cancels a job: at once where no worker has it; else its worker does within seconds.
 *
 * @throws ApiError 400 for a job that is over.
 */
export async function cancelJob(service: AnsweringService, id: string): Promise<JobRecord> {
  return want(service, id, 'cancel', (job) => {
    if (finalStatuses.has(job.status)) throw isOver(job, 'cancelled');
  });
}

/** Pauses a job, likewise. @throws ApiError 400 for a job that is over, paused, or being cancelled. */
export async function pauseJob(service: AnsweringService, id: string): Promise<JobRecord> {
  return want(service, id, 'pause', (job) => {
    if (finalStatuses.has(job.status)) throw isOver(job, 'paused');
    if (job.wanted === 'cancel') throw refusal(job, 'is being cancelled and cannot be paused');
    if (job.status === 'paused') throw refusal(job, 'is paused already');
  });
}

/**
 * Has a paused job go on from its last state, at the place of a job that is made now.
 *
 * @throws ApiError 400 for a job that is not paused.
 */
export async function resumeJob(service: AnsweringService, id: string): Promise<JobRecord> {
  const { records, queue } = service;
  const resumed = await changed(service, id, (job) => {
    if (finalStatuses.has(job.status)) throw isOver(job, 'resumed');
    if (job.status !== 'paused' || job.wanted === 'cancel') {
      throw refusal(
        job,
        job.wanted === 'run' ? 'is not paused' : 'is still on its way to be paused or cancelled',
      );
    }
    return { ...job, status: 'queued', wanted: 'run' };
  });
  // A worker says that a job is paused before it lets go of it; what it has not let go of cannot be added.
  for (let wait = 0; wait < 20 && (await queue.has(id)); wait++) await sleep(50);
  // Whoever dies here leaves a job that is queued by its record and not in the queue, which is looked for.
  await queue.add(id, await turnOf(service, resumed));
  await records.appendEvent(id, {
    ...{ createdAt: unixTime(), level: 'info', type: 'message', data: null },
    message: 'The job goes on.',
  });
  return resumed;
}

async function want(
  service: AnsweringService,
  id: string,
  wanted: 'cancel' | 'pause',
  check: (job: JobRecord) => void,
): Promise<JobRecord> {
  const job = await changed(service, id, (now) => {
    check(now);
    return { ...now, wanted };
  });
  return (await settleJob(service, job)) ?? (await service.records.get('job', id)) ?? job;
}

async function changed(
  { records }: AnsweringService,
  id: string,
  change: (job: JobRecord) => JobRecord,
): Promise<JobRecord> {
  const job = await records.change('job', id, change);
  if (job === undefined)
    throw new ApiError(404, `Could not find fine tune: ${id}`, { code: 'fine_tune_not_found' });
  return job;
}

function isOver({ id, status }: JobRecord, what: string): ApiError {
  return new ApiError(
    400,
    `Job ${id} has already ${status === 'succeeded' ? 'succeeded' : `${status === 'failed' ? 'failed' : 'been cancelled'}`} and cannot be ${what}.`,
    {
      code: 'invalid_job_status',
    },
  );
}

function refusal({ id }: JobRecord, why: string): ApiError {
  return new ApiError(400, `Job ${id} ${why}.`, { code: 'invalid_job_status' });
}
