import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { EvidenceError } from '../evidence/evidence-error.ts';
import { signStoredManifest } from '../evidence/sign-stored-manifest.ts';
import type { SigningKey } from '../evidence/signing-key.ts';
import type { Lease } from '../queue/queue.ts';
import type { FileRecord } from '../records/file-record.ts';
import type { JobRecord } from '../records/job-record.ts';
import type { Service } from '../service.ts';
import { clearJob } from './clear-job.ts';
import { type JobHost, startJobProcess } from './job-host.ts';
import type { JobMessage } from './job-message.ts';
import { jobPrefix } from './job-names.ts';
import { makeRoom, removeAbandonedRooms } from './job-room.ts';
import { JobLostError, JobWriter } from './job-writer.ts';
import { takeJob } from './take-job.ts';

export interface RunWorkerOptions {
  /** Its name in the queue and in the records; unlike any other's. */
  readonly id: string;
  /** Ends it: a job that it has saves its state and goes back to its place in the queue. */
  readonly signal: AbortSignal;
  /** Folder for what jobs work with. Workers of one machine may share it. */
  readonly scratch: string;
  /** The module that runs a job. Default: the one of this package. */
  readonly jobProgram?: URL;
  /** How long a job may go on after it was told to stop, in milliseconds. Default 60,000: a step of a large model takes a while. */
  readonly graceMilliseconds?: number;
  /** How often it is looked what a job's owner wants, in milliseconds. Default 1000. */
  readonly pollMilliseconds?: number;
  /** The key that manifests are signed with, which may be another one for each model. Without it nobody signs them. */
  readonly signingKey?: () => Promise<SigningKey>;
  /** Hears what the owners of jobs are not told. Default: nobody. */
  readonly onProblem?: (problem: string) => void;
}

/** Deaths of a job's process, without a state saved in between, after which it is given up. */
const mostCrashes = 3;

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
    return await runProcess(service, { job, ...files, directory: room.run }, { writer, lease, options });
  } finally {
    await rm(room.folder, { recursive: true, force: true });
  }
}

interface Hands {
  readonly writer: JobWriter;
  readonly lease: Lease;
  readonly options: RunWorkerOptions;
}

async function runProcess(
  service: Service,
  start: {
    readonly job: JobRecord;
    readonly trainingFile: FileRecord;
    readonly validationFile: FileRecord | null;
    readonly directory: string;
  },
  { writer, lease, options }: Hands,
): Promise<'done' | 'again'> {
  const {
    id,
    signal,
    jobProgram,
    graceMilliseconds = 60_000,
    pollMilliseconds = 1000,
    onProblem = () => {},
  } = options;
  let last: JobMessage['type'] | undefined;
  let crash: { readonly reason: string; readonly told?: string } | undefined;
  const { gate } = service.policy;
  const variable = gate.questions?.judge.api_key_variable;
  const host = startJobProcess({
    start: { ...start, policy: service.policy },
    storage: service.storage,
    program: jobProgram,
    graceMilliseconds,
    variables: variable === undefined ? [] : [variable],
    onProblem,
    async onMessage(message) {
      if (message.type === 'problem') {
        onProblem(`${start.job.id}: ${message.reason}`);
        return;
      }
      last = message.type;
      if (message.type === 'failed' && message.detail !== undefined)
        onProblem(`${start.job.id}: ${message.detail}`);
      if (message.type === 'crashed') crash = message;
      else if (message.type !== 'stopped') await writer.take(message);
    },
  });
  const lost = () => host.kill();
  const stop = () => host.stop();
  lease.lost.addEventListener('abort', lost, { once: true });
  signal.addEventListener('abort', stop, { once: true });
  if (lease.lost.aborted) lost();
  if (signal.aborted) stop();
  const over = new AbortController();
  const watching = watch(service, start.job, { host, pollMilliseconds, over: over.signal, onProblem });
  try {
    const { code, signal: by } = await host.ended.catch((error: unknown) => {
      if (!EvidenceError.isInstance(error)) throw error;
      // What is not as the process says is as if it had not said it.
      [last, crash] = [undefined, { reason: error.message }];
      return { code: null, signal: null };
    });
    if (lease.lost.aborted) return 'done';
    if (last === 'finished' || last === 'failed') return 'done';
    if (last === 'stopped') return ofReleased(await writer.release());
    const how = by === null ? `exit code ${code}` : by;
    onProblem(
      `worker ${id}: the process of ${start.job.id} ended with ${how}${crash === undefined ? '' : `: ${crash.reason}`}`,
    );
    return await crashed(writer, crash?.told);
  } finally {
    over.abort();
    lease.lost.removeEventListener('abort', lost);
    signal.removeEventListener('abort', stop);
    await watching;
  }
}

/** One death more: the job goes back to its place, or is given up. What its owner wants meanwhile comes first. */
async function crashed(writer: JobWriter, told: string | undefined): Promise<'done' | 'again'> {
  const job = await writer.change((now) => ({ ...now, crashes: (now.crashes ?? 0) + 1 }));
  if (job.wanted === 'run' && (job.crashes ?? 0) >= mostCrashes) {
    const why =
      told === undefined
        ? `its process died ${mostCrashes} times without getting further`
        : `${told}, in ${mostCrashes} attempts`;
    await writer.fail(gaveUp(why));
    return 'done';
  }
  return ofReleased(await writer.release());
}

function gaveUp(why: string) {
  return {
    code: 'server_error',
    message: `${why}; this is the service's fault, not the file's`,
    param: null,
  };
}

function ofReleased({ status }: JobRecord): 'done' | 'again' {
  return status === 'queued' ? 'again' : 'done';
}

/** Looks what the job's owner wants until the job is over, and passes it on. */
async function watch(
  { records }: Service,
  { id, attempt }: JobRecord,
  {
    host,
    pollMilliseconds,
    over,
    onProblem,
  }: {
    readonly host: JobHost;
    readonly pollMilliseconds: number;
    readonly over: AbortSignal;
    readonly onProblem: (problem: string) => void;
  },
): Promise<void> {
  while (!over.aborted) {
    await pause(pollMilliseconds, undefined, { signal: over }).catch(() => {});
    if (over.aborted) return;
    try {
      const job = await records.get('job', id);
      if (job === undefined || job.attempt !== attempt) host.kill();
      else if (job.wanted !== 'run') host.stop();
    } catch (error) {
      // Stores that cannot be reached are noticed by whoever writes.
      onProblem(`${id}: it cannot be seen what its owner wants (${(error as Error).message})`);
    }
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
