import { finalStatuses, type JobRecord } from '../records/job-record.ts';
import { unixTime } from '../records/unix-time.ts';
import type { Service } from '../service.ts';

/** Attempts that ended with their worker, without a state saved in between, after which a job is believed to bring workers down. */
const mostAbandoned = 10;

/** What a worker has to do with a job that it was given. */
export type TakenJob =
  | { readonly type: 'run'; readonly job: JobRecord }
  /** It is to be paused or cancelled, or its worker died too often. */
  | { readonly type: 'release' | 'give-up'; readonly job: JobRecord }
  /** It is over, or gone. */
  | { readonly type: 'nothing' };

/** Takes a job in the worker's name: from then on no earlier attempt can change it. */
export async function takeJob({ records }: Service, jobId: string, worker: string): Promise<TakenJob> {
  const job = await records.change('job', jobId, (now) => {
    if (finalStatuses.has(now.status)) return undefined;
    // Whoever had it did not say how it went.
    const abandoned = (now.abandoned ?? 0) + (now.worker === null ? 0 : 1);
    return {
      ...now,
      attempt: now.attempt + 1,
      worker,
      abandoned,
      status: now.screening === null ? 'validating_files' : 'running',
      startedAt: now.startedAt ?? unixTime(),
    };
  });
  if (job === undefined) return { type: 'nothing' };
  if (job.wanted !== 'run') return { type: 'release', job };
  return (job.abandoned ?? 0) >= mostAbandoned ? { type: 'give-up', job } : { type: 'run', job };
}
