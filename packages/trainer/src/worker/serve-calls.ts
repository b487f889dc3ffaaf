import { parentPort } from 'node:worker_threads';
import { transferError } from './error-transfer.ts';
import type { CallContext, Reply, Request, WorkerMethods } from './protocol.ts';

/** Answers the calls of the thread that started this one. */
export function serveCalls(methods: WorkerMethods): void {
  if (parentPort === null) throw new Error('this file is run by startWorkerThread, as a worker thread');
  const port = parentPort;
  const running = new Map<number, AbortController>();
  const stops = new Map<number, (reason: string) => void>();
  const reply = (message: Reply) => port.postMessage(message);
  port.on('message', async (request: Request) => {
    const { id } = request;
    if (request.type === 'abort') {
      running.get(id)?.abort();
      return;
    }
    if (request.type === 'stop') {
      stops.get(id)?.(request.reason);
      return;
    }
    const controller = new AbortController();
    running.set(id, controller);
    const { signal } = controller;
    try {
      const method = methods[request.method] as (
        argument: unknown,
        context: CallContext<unknown>,
      ) => Promise<unknown>;
      const value = await method(request.argument, {
        signal,
        emit: (event) => reply({ type: 'event', id, event }),
        onStop: (stop) => stops.set(id, stop),
      });
      reply({ type: 'result', id, value });
    } catch (error) {
      const aborted = signal.aborted && error === signal.reason;
      reply(aborted ? { type: 'aborted', id } : { type: 'failure', id, error: transferError(error) });
    } finally {
      running.delete(id);
      stops.delete(id);
    }
  });
}
