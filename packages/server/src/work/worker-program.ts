import type { Service } from '../service.ts';
import { runWorker } from './worker.ts';
import type { RunWorkerOptions } from './worker-options.ts';

/** What a program that is a worker opens: the same stores as every other. */
export interface OpenedWorker {
  readonly service: Service;
  readonly options: Omit<RunWorkerOptions, 'signal'>;
  close(): Promise<void>;
}

/**
 * Runs a worker for as long as this process lives: until it is sent SIGTERM or SIGINT, or whoever started it (by `startWorkers`) tells it
 * to stop, or dies. The job that it has then goes back to its place in the queue.
 */
export async function runWorkerProgram(open: () => Promise<OpenedWorker>): Promise<void> {
  const stopping = new AbortController();
  const stop = () => stopping.abort(new Error('the worker is to stop'));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.once('disconnect', stop);
  process.on('message', (message) => {
    if (message === 'stop') stop();
  });
  const { service, options, close } = await open();
  try {
    await runWorker(service, { ...options, signal: stopping.signal });
  } finally {
    await close();
    if (process.connected) process.disconnect();
  }
}
