import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { RunControl } from '../run/run-control.ts';
import { restoreError } from './error-transfer.ts';
import { WorkerThreadError } from './errors.ts';
import type { Reply, Request, WorkerMethods } from './protocol.ts';

type Argument<Method extends keyof WorkerMethods> = Parameters<WorkerMethods[Method]>[0];
type Result<Method extends keyof WorkerMethods> = Awaited<ReturnType<WorkerMethods[Method]>>;
type Event<Method extends keyof WorkerMethods> = Parameters<Parameters<WorkerMethods[Method]>[1]['emit']>[0];

export interface CallOptions<Method extends keyof WorkerMethods> {
  /** `run.stop` reaches the method as soon as its thread has time to hear of it. */
  readonly onEvent?: (event: Event<Method>, run: RunControl) => void;
  readonly signal?: AbortSignal | undefined;
  /**
   * How long a call that was aborted may go on before the thread is ended. What runs there without a pause cannot hear of
   * it: an endless template, a pattern that never ends.
   */
  readonly graceMilliseconds?: () => number;
}

/** What a call that was aborted is given to come to its end, and to save its state. */
export const defaultGraceMilliseconds = 10_000;

/** A worker that runs {@link WorkerMethods}, seen from the thread that started it. */
export interface WorkerThread {
  /**
   * Runs a method over there. An exception of `onEvent` aborts the call and is thrown.
   *
   * @throws what the method throws, restored; the signal's reason when aborted; WorkerThreadError when the thread dies,
   * does not stop in time after it was aborted, or the argument cannot be cloned.
   */
  call<Method extends keyof WorkerMethods>(
    method: Method,
    argument: Argument<Method>,
    options?: CallOptions<Method>,
  ): Promise<Result<Method>>;
  /** Ends the thread. */
  close(): Promise<void>;
}

interface PendingCall {
  readonly method: string;
  event(event: unknown): void;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  aborted(): void;
}

// The sources run from .ts files and resolve the other packages' sources; what is published is dist/worker.js.
const inSources = import.meta.url.endsWith('.ts');
const entry = new URL(inSources ? './worker.ts' : './worker.js', import.meta.url);
const workerOptions: WorkerOptions = inSources ? { execArgv: ['--conditions=safetune-source'] } : {};

/** Starts a worker. It keeps the process alive only while a call is going on. */
export function startWorkerThread(script: URL = entry): WorkerThread {
  const worker = new Worker(script, { name: 'safetune', ...workerOptions });
  const pending = new Map<number, PendingCall>();
  let calls = 0;
  let death: unknown;
  worker.unref();
  const send = (request: Request) => worker.postMessage(request);
  const settle = (id: number): PendingCall | undefined => {
    const call = pending.get(id);
    pending.delete(id);
    if (pending.size === 0) worker.unref();
    return call;
  };
  const died = (message: string, cause?: unknown) => {
    death ??= cause ?? message;
    for (const [id, { method }] of [...pending]) {
      settle(id)?.reject(new WorkerThreadError(method, message, { cause: death }));
    }
  };
  worker.on('message', (reply: Reply) => {
    if (reply.type === 'event') pending.get(reply.id)?.event(reply.event);
    else if (reply.type === 'result') settle(reply.id)?.resolve(reply.value);
    else if (reply.type === 'aborted') settle(reply.id)?.aborted();
    else settle(reply.id)?.reject(restoreError(reply.error));
  });
  worker.on('error', (error) => died(`the thread failed (${error.message})`, error));
  worker.on('exit', (code) => died(`the thread has ended (exit code ${code})`));

  return {
    async call(
      method,
      argument,
      { onEvent, signal, graceMilliseconds = () => defaultGraceMilliseconds } = {},
    ) {
      signal?.throwIfAborted();
      if (death !== undefined) throw new WorkerThreadError(method, 'the thread has ended', { cause: death });
      const id = calls++;
      const control: RunControl = {
        stop(reason) {
          if (pending.has(id)) send({ type: 'stop', id, reason });
        },
      };
      let deadline: NodeJS.Timeout | undefined;
      const abort = () => {
        send({ type: 'abort', id });
        const given = graceMilliseconds();
        deadline ??= setTimeout(() => {
          died(`it did not stop within ${given / 1000} s of being told to, and was ended`, signal?.reason);
          void worker.terminate();
        }, given);
      };
      let thrown: { readonly error: unknown } | undefined;
      const answer = new Promise<unknown>((resolve, reject) => {
        pending.set(id, {
          method,
          resolve,
          reject,
          aborted: () => reject(thrown === undefined ? signal?.reason : thrown.error),
          event(event) {
            if (thrown !== undefined) return;
            try {
              onEvent?.(event as never, control);
            } catch (error) {
              thrown = { error };
              abort();
            }
          },
        });
        try {
          send({ type: 'call', id, method, argument });
          worker.ref();
        } catch (cause) {
          const why = (cause as Error).message;
          settle(id)?.reject(
            new WorkerThreadError(method, `the options cannot go to a thread (${why})`, { cause }),
          );
        }
      });
      signal?.addEventListener('abort', abort, { once: true });
      try {
        const value = await answer;
        if (thrown !== undefined) throw thrown.error;
        return value as never;
      } finally {
        clearTimeout(deadline);
        signal?.removeEventListener('abort', abort);
      }
    },
    async close() {
      death ??= 'it was closed';
      await worker.terminate();
    },
  };
}
