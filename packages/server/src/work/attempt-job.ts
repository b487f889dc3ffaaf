import { setTimeout as pause } from 'node:timers/promises';
import { EvidenceError } from '../evidence/evidence-error.ts';
import type { Lease } from '../queue/queue.ts';
import type { FileRecord } from '../records/file-record.ts';
import type { JobRecord } from '../records/job-record.ts';
import type { Service } from '../service.ts';
import { type JobHost, startJobProcess } from './job-host.ts';
import type { JobMessage } from './job-message.ts';
import type { JobWriter } from './job-writer.ts';
import type { RunWorkerOptions } from './worker-options.ts';

/** Deaths of a job's process, without a state saved in between, after which it is given up. */
const mostCrashes = 3;

interface Hands {
  readonly writer: JobWriter;
  readonly lease: Lease;
  readonly options: RunWorkerOptions;
}

/** Runs a job's process until it ends, and tells its owner and the records what came of it. */
export async function attemptJob(
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

export function gaveUp(why: string) {
  return {
    code: 'server_error',
    message: `${why}; this is the service's fault, not the file's`,
    param: null,
  };
}

export function ofReleased({ status }: JobRecord): 'done' | 'again' {
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
