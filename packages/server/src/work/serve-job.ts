import type { JobParts } from './job-context.ts';
import { jobFailure } from './job-failure.ts';
import { createJobFiles } from './job-files.ts';
import type { JobMessage, JobStart, WorkerMessage } from './job-message.ts';
import { orOfModel } from './model-at-fault.ts';
import { runJob } from './run-job.ts';

/** Does the job that the worker, which started this process, tells it; then the process ends. */
export function serveJob(parts: JobParts): void {
  const stopping = new AbortController();
  let isOver = false;
  /** Of the last message, and so of all before it. */
  let sent: Promise<void> = Promise.resolve();
  const send = (message: JobMessage) => {
    sent = new Promise<void>((resolve) => {
      if (process.connected) process.send!(message, () => resolve());
      else resolve();
    });
  };
  const { files, answer } = createJobFiles(send);
  const run = async (start: JobStart) => {
    const { signal } = stopping;
    const end = await runJob(start, { parts, files, signal, send }).then(
      () => undefined,
      async (error: unknown): Promise<JobMessage> =>
        signal.aborted && error === signal.reason
          ? { type: 'stopped' }
          : orOfModel(jobFailure(error, start), start),
    );
    if (end !== undefined) send(end);
    await sent;
    isOver = true;
    process.exit(end?.type === 'crashed' ? 1 : 0);
  };
  process.on('message', (message: WorkerMessage) => {
    if (message.type === 'start') void run(message.start);
    else if (message.type === 'stop') stopping.abort(new Error('the job is to stop'));
    else answer(message);
  });
  // Nobody is there any more for whom it could go on.
  process.once('disconnect', () => process.exit(isOver ? 0 : 1));
  // Both reach every process of a terminal or a service at once; the worker says when to stop.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
}
