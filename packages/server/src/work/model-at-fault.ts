import { checkModel, resolveModel, UnusableModelError } from '@safetune/models';
import { type Failure, jobFailure } from './job-failure.ts';
import type { JobStart } from './job-message.ts';

/**
 * A failure as it is told, after the base model of a job whose file is to be blamed was looked at: a chat template that is gone, or takes
 * no conversation, is noticed at the first line of the file, which it is no fault of.
 */
export async function orOfModel(failure: Failure, start: JobStart): Promise<Failure> {
  if (failure.type !== 'failed' || !/^invalid_(training|validation)_file$/.test(failure.code)) return failure;
  try {
    await checkModel((await resolveModel(start.job.plan.run.model)).path);
    return failure;
  } catch (error) {
    return UnusableModelError.isInstance(error) ? jobFailure(error, start) : failure;
  }
}
