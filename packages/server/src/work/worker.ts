import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { signStoredManifest } from '../evidence/sign-stored-manifest.ts';
import type { Lease } from '../queue/queue.ts';
import type { FileRecord } from '../records/file-record.ts';
import type { JobRecord } from '../records/job-record.ts';
import type { Service } from '../service.ts';
import { attemptJob, gaveUp, ofReleased } from './attempt-job.ts';
import { clearJob } from './clear-job.ts';
import { jobPrefix } from './job-names.ts';
import { makeRoom, removeAbandonedRooms } from './job-room.ts';
import { JobLostError, JobWriter } from './job-writer.ts';
import { takeJob } from './take-job.ts';
import type { RunWorkerOptions } from './worker-options.ts';

/** A worker that cannot reach its stores waits so long before it tries again, in milliseconds. */
const pauseAfterProblem = 1000;

/** Takes jobs and runs each in a process of its own, one at a time, until the signal is aborted. */
export async function runWorker(service: Service, options: RunWorkerOptions): Promise<void> {
  const { id, signal, onProblem = () => {} } = options;
  await removeAbandonedRooms(options.scratch);
  while (!signal.aborted) {
    try {
      const lease = await service.queue.take(id, signal);
      if (lease !== undefined) await work(service, lease, options);
    } catch (error) {
      onProblem(`worker ${id}: ${(error as Error).stack ?? String(error)}`);
      await pause(pauseAfterProblem, undefined, { signal }).catch(() => {});
    }
  }
}

async function work(service: Service, lease: Lease, options: RunWorkerOptions): Promise<void> {
  let outcome: 'done' | 'again' = 'again';
  try {
    const taken = await takeJob(service, lease.jobId, options.id);
    if (taken.type === 'nothing') {
      // It may have been over when its worker died, before that had cleared up.
      const job = await service.records.get('job', lease.jobId);
      if (job === undefined) await service.storage.remove(jobPrefix(lease.jobId));
      else await clearJob(service, job);
      outcome = 'done';
    } else outcome = await workOn(service, taken, lease, options);
  } catch (error) {
    if (!(error instanceof JobLostError)) throw error;
    // Whoever has it now sees to it.
    outcome = 'done';
    if (!lease.lost.aborted && !(await isOver(service, lease.jobId))) outcome = 'again';
  } finally {
    await lease.end(outcome);
  }
}

async function isOver({ records }: Service, jobId: string): Promise<boolean> {
  const job = await records.get('job', jobId);
  return job === undefined || job.finishedAt !== null;
}

async function workOn(
  service: Service,
  { type, job }: { readonly type: 'run' | 'release' | 'give-up'; readonly job: JobRecord },
  lease: Lease,
  options: RunWorkerOptions,
): Promise<'done' | 'again'> {
  const files = await jobFiles(service, job);
  const { signingKey } = options;
  const writer = new JobWriter(service, job, async ({ id: modelId, key }) => {
    if (signingKey === undefined || 'missing' in files) return;
    await signStoredManifest(service.storage, key, { job, modelId, ...files }, await signingKey());
  });
  await writer.open();
  if (type === 'release') return ofReleased(await writer.release());
  if (type === 'give-up') {
    await writer.fail(gaveUp('the workers that had it died one after another'));
    return 'done';
  }
  if ('missing' in files) {
    await writer.fail({
      code: `invalid_${files.missing}`,
      message: `the file '${job.request[files.missing]}' is not there any more`,
      param: files.missing,
    });
    return 'done';
  }
  if (job.state !== null && job.state.step > 0)
    await writer.message(`The job goes on after step ${job.state.step}.`);
  const room = await makeRoom(options.scratch, `${job.id}-${job.attempt}`);
  try {
    return await attemptJob(service, { job, ...files, directory: room.run }, { writer, lease, options });
  } finally {
    await rm(room.folder, { recursive: true, force: true });
  }
}

/** The files of a job; one that was deleted is kept as long as a job needs it. */
async function jobFiles(
  { records }: Service,
  { tenant, request }: JobRecord,
): Promise<
  | { readonly trainingFile: FileRecord; readonly validationFile: FileRecord | null }
  | { readonly missing: 'training_file' | 'validation_file' }
> {
  const own = async (id: string) => {
    const file = await records.get('file', id);
    return file?.tenant === tenant ? file : undefined;
  };
  const trainingFile = await own(request.training_file);
  if (trainingFile === undefined) return { missing: 'training_file' };
  if (request.validation_file == null) return { trainingFile, validationFile: null };
  const validationFile = await own(request.validation_file);
  return validationFile === undefined ? { missing: 'validation_file' } : { trainingFile, validationFile };
}
