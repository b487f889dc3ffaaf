import { DatasetOptionError } from '@safetune/datasets';
import { TokenizationError } from '@safetune/models';
import { NonFiniteLossError, TrainingCheckpointError, TrainOptionError } from '@safetune/trainer';
import { ApiError } from '../errors.ts';
import { fileError } from '../policy/read-training-file.ts';
import type { JobParts } from './job-context.ts';
import { createJobFiles } from './job-files.ts';
import type { JobMessage, JobStart, WorkerMessage } from './job-message.ts';
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
    const end = await runJob(start, {
      parts,
      files,
      signal: stopping.signal,
      send,
    })
      .then(() => undefined)
      .catch((error: unknown) => endOf(error, stopping.signal, start));
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

/** What the worker is told of an attempt that did not come to its end. */
function endOf(thrown: unknown, signal: AbortSignal, { directory, job }: JobStart): JobMessage {
  if (signal.aborted && thrown === signal.reason) return { type: 'stopped' };
  const error = isOfData(thrown)
    ? fileError(thrown, `${directory}/training_file.jsonl`, 'training_file')
    : thrown;
  if (TokenizationError.isInstance(error))
    return {
      type: 'failed',
      code: 'invalid_training_file',
      message: `the file cannot be trained on: ${error.message}`,
      param: 'training_file',
    };
  if (ApiError.isInstance(error))
    return {
      type: 'failed',
      code: error.code ?? error.type,
      // Where the model lies here is nobody's business.
      message: error.message.replaceAll(job.plan.run.model, 'the model'),
      param: error.param,
    };
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (NonFiniteLossError.isInstance(error))
    return {
      type: 'failed',
      code: 'loss_not_finite',
      message: 'the loss became infinite or undefined; ask for a smaller learning_rate_multiplier',
      param: null,
      detail,
    };
  // Trying again would come to the same: the policy does not fit the job, or what the policy names has changed since it began.
  if ([TrainOptionError, DatasetOptionError, TrainingCheckpointError].some((kind) => kind.isInstance(error)))
    return {
      type: 'failed',
      code: 'server_error',
      message:
        "the job cannot be trained under the provider's settings; this is the service's fault, not the file's",
      param: null,
      detail,
    };
  return { type: 'crashed', reason: detail };
}

/** Errors that name a line of the customer's, not one of the provider's own files. */
function isOfData(error: unknown): boolean {
  const { origin } = (error ?? {}) as { readonly origin?: { readonly file?: unknown } };
  return origin?.file === 'training_file' || origin?.file === 'validation_file';
}
