import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../child-environment.ts';
import { StorageError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import type { JobMessage, JobStart, StorageCall, WorkerMessage } from './job-message.ts';

export interface JobHostOptions {
  readonly start: JobStart;
  readonly storage: Storage;
  /** Hears what the process tells, one after another. What it throws ends the process. */
  readonly onMessage: (message: Exclude<JobMessage, StorageCall>) => Promise<void>;
  /** The module that the process runs. Default: the one of this package. */
  readonly program?: URL | undefined;
  /** How long it may go on after it was told to stop, in milliseconds. */
  readonly graceMilliseconds: number;
  /** Names of environment variables that it needs besides. */
  readonly variables: readonly string[];
  /** Hears what nobody else is told: that it had to be ended. */
  readonly onProblem: (problem: string) => void;
}

/** The process of a job, seen from its worker. */
export interface JobHost {
  readonly processId: number | undefined;
  /** Asks it to come to an end between two steps, and to save its state. */
  stop(): void;
  /** Ends it at once. */
  kill(): void;
  /**
   * Resolves when the process has ended and everything that it told has been heard, with how it ended.
   *
   * @throws what `onMessage` threw.
   */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

const inSources = import.meta.url.endsWith('.ts');
const entry = new URL(inSources ? './job-process.ts' : './job-process.js', import.meta.url);

/** Starts a job in a process of its own: whatever happens to it, the worker goes on. It ends when the worker does. */
export function startJobProcess({
  start,
  storage,
  onMessage,
  program = entry,
  graceMilliseconds,
  variables,
  onProblem,
}: JobHostOptions): JobHost {
  const child = fork(fileURLToPath(program), [], {
    execArgv: inSources ? ['--conditions=safetune-source'] : [],
    env: childEnvironment(variables),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  let failure: { readonly error: unknown } | undefined;
  let heard: Promise<void> = Promise.resolve();
  let deadline: NodeJS.Timeout | undefined;
  const kill = () => void child.kill('SIGKILL');
  const send = (message: WorkerMessage) => {
    // A process that dies is heard of by its end.
    if (child.connected) child.send(message, () => {});
  };
  const hear = async (message: Exclude<JobMessage, StorageCall>) => {
    if (failure !== undefined) return;
    try {
      await onMessage(message);
    } catch (error) {
      failure = { error };
      kill();
    }
  };
  child.on('message', (message: JobMessage) => {
    if (message.type === 'put' || message.type === 'fetch' || message.type === 'list') {
      void carry(storage, message).then(send);
      return;
    }
    heard = heard.then(() => hear(message));
  });
  // What it said before its end may be heard after it.
  const silent = new Promise<void>((resolve) => {
    child.once('disconnect', () => resolve());
    child.once('error', () => resolve());
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  }).then(async (end) => {
    clearTimeout(deadline);
    await silent;
    await heard;
    if (failure !== undefined) throw failure.error;
    return end;
  });
  // Whoever waits for it hears of it; nobody may be waiting yet.
  ended.catch(() => {});
  send({ type: 'start', start });
  return {
    processId: child.pid,
    stop() {
      send({ type: 'stop' });
      deadline ??= setTimeout(() => {
        onProblem(
          `${start.job.id}: its process went on ${graceMilliseconds} ms after it was told to stop, and was ended`,
        );
        kill();
      }, graceMilliseconds);
    },
    kill,
    ended,
  };
}

async function carry(storage: Storage, message: StorageCall): Promise<WorkerMessage> {
  const { call } = message;
  try {
    if (message.type === 'put')
      return { type: 'stored', call, content: await storage.put(message.key, message.path), keys: [] };
    if (message.type === 'list')
      return { type: 'stored', call, content: null, keys: await storage.list(message.prefix) };
    await storage.fetch(message.key, message.path);
    return { type: 'stored', call, content: null, keys: [] };
  } catch (error) {
    const { message: why } = error as Error;
    const isMissing = StorageError.isInstance(error) && error.problem === 'missing';
    // As where a worker with a --data of its own was given no --storage.
    const hint = isMissing ? '. Has this worker the same --storage, or --data, as the servers?' : '';
    return { type: 'not-stored', call, message: `${why}${hint}` };
  }
}
