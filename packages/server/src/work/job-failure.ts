import { TokenizationError } from '@safetune/models';
import { FileReadError } from '@safetune/tensor';
import { NonFiniteLossError, TrainingCheckpointError } from '@safetune/trainer';
import { ApiError } from '../errors.ts';
import { fileError } from '../policy/read-training-file.ts';
import type { JobMessage, JobStart } from './job-message.ts';

/** An attempt that did not come to its end. */
export type Failure = Extract<JobMessage, { readonly type: 'failed' | 'crashed' }>;

const notTheFiles = "this is the service's fault, not the file's";

/** Named errors of what may go better another time, or on another machine; all others would be thrown again from the same files. */
const mishaps = new Set([
  'AnswerSourceError',
  'EvidenceError',
  'ExecutionError',
  'FileReadError',
  'FileWriteError',
  'HubError',
  'InsufficientMemoryError',
  'MappedFileError',
  'ReportWriteError',
  'SafetensorsWriteError',
  'StorageError',
  'StoreError',
  'TrainingCheckpointError',
  'WorkerThreadError',
]);

/** What an error that ended an attempt is to the job: its own fault, the provider's, or a mishap after which it is tried again. */
export function jobFailure(thrown: unknown, { directory, job }: JobStart): Failure {
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
  if (NonFiniteLossError.isInstance(error) && error.source === null)
    return {
      type: 'failed',
      code: 'loss_not_finite',
      message: 'the loss became infinite or undefined; ask for a smaller learning_rate_multiplier',
      param: null,
      detail,
    };
  if (TrainingCheckpointError.isInstance(error) && error.differences.length > 0)
    return {
      type: 'failed',
      code: 'provider_settings_changed',
      message:
        'the job cannot go on: the base model, or what a safeguard of the provider reads, is not what it was when the job began. ' +
        `Create the job anew; ${notTheFiles}`,
      param: null,
      detail: `${detail}\nLet open jobs come to their end before files that the policy names are changed.`,
    };
  // Another machine may have it, and a shared folder may come back.
  if (isOfOurs(error) && isUnreadable(error) && !error.message.includes(directory))
    return {
      type: 'crashed',
      reason: detail,
      told: 'the base model, or a file that a safeguard of the provider reads, could not be read',
    };
  if (isOfOurs(error) && !mishaps.has(error.name))
    return {
      type: 'failed',
      code: 'provider_settings_unusable',
      message: `nothing can be trained with the provider's base model, settings and safeguards as they are; ${notTheFiles}`,
      param: null,
      detail,
    };
  return { type: 'crashed', reason: detail };
}

/** Whether a package of SafeTune threw it because of what it was given. */
function isOfOurs(error: unknown): error is Error {
  return error instanceof Error && Symbol.for(`safetune.${error.name}`) in error;
}

/** Whether a file is behind it that is away, or cannot be opened; one that was read and is wrong stays wrong. */
function isUnreadable(error: unknown): boolean {
  for (let reason = error; reason instanceof Error; reason = reason.cause) {
    if (FileReadError.isInstance(reason)) return ['missing', 'unreadable'].includes(reason.problem);
    if (/^E[A-Z]+$/.test(String((reason as NodeJS.ErrnoException).code))) return true;
  }
  return false;
}

/** Errors that name a line of the customer's, not one of the provider's own files. */
function isOfData(error: unknown): boolean {
  const { origin } = (error ?? {}) as { readonly origin?: { readonly file?: unknown } };
  return origin?.file === 'training_file' || origin?.file === 'validation_file';
}
