import { ApiError } from '../../errors.ts';
import type { JobRecord } from '../../records/job-record.ts';
import { recordsSince } from '../../records/records-since.ts';
import { unixTime } from '../../records/unix-time.ts';
import type { AnsweringService } from '../../service.ts';
import { heldBackModels } from '../../work/held-back.ts';
import { openJobs } from '../../work/turn.ts';

const daySeconds = 24 * 3600;

/**
 * What a tenant may make of jobs. Two jobs at once may both find room for the last one; so it is asked again when a job has its record: those
 * before it in the order of the records count, and of two one is always first.
 *
 * @throws ApiError 403 when the gate held back so many of the tenant's models that an operator has to look; 429 when it has as many open
 *   jobs as it may, or has made as many within a day, without this one and those that were made after it.
 */
export async function requireRoom(
  service: AnsweringService,
  job: Pick<JobRecord, 'id' | 'tenant'>,
): Promise<void> {
  await requireFewHeldBack(service, job.tenant);
  await requireDay(service, job);
  await requireOpen(service, job);
}

async function requireFewHeldBack(service: AnsweringService, tenant: string): Promise<void> {
  const { held_back_models: most, held_back_days: days } = service.policy.limits;
  const { length } = await heldBackModels(service, tenant);
  if (length < most) return;
  throw new ApiError(
    403,
    `The gate held back ${length} of your models within ${days} days. You can make jobs again when the provider has looked at them.`,
    { code: 'models_held_back' },
  );
}

/** Jobs are counted as they are made, and none is ever removed that was made: neither cancelling nor deleting gives a place back. */
async function requireDay({ records, policy }: AnsweringService, job: Pick<JobRecord, 'id' | 'tenant'>) {
  const most = policy.limits.jobs_per_day;
  const now = unixTime();
  const times: number[] = [];
  for await (const { createdAt } of recordsSince(records, 'job', {
    ...{ tenant: job.tenant, since: now - daySeconds },
    ...((await records.get('job', job.id)) !== undefined && { after: job.id }),
  })) {
    times.push(createdAt);
    if (times.length < most) continue;
    const next = Math.min(...times) + daySeconds;
    throw new ApiError(
      429,
      `You made ${most} jobs within 24 hours, as many as you may. The next can be made at ${new Date(next * 1000).toISOString()}.`,
      { code: 'daily_job_quota_exceeded', retryAfter: Math.max(1, next - now) },
    );
  }
}

async function requireOpen(service: AnsweringService, { id, tenant }: Pick<JobRecord, 'id' | 'tenant'>) {
  const most = service.policy.limits.open_jobs;
  const open = await openJobs(service, tenant);
  const own = open.findIndex((job) => job.id === id);
  const before = own === -1 ? open.length : own;
  if (before >= most) {
    throw new ApiError(
      429,
      `You have ${before} jobs that are not over, as many as you may. Wait for one, or cancel one.`,
      {
        code: 'job_quota_exceeded',
      },
    );
  }
}
