import { ApiError } from '../../errors.ts';
import { type JobRequest, jobRequestSchema } from '../../policy/job-request.ts';
import { planJob } from '../../policy/plan-job.ts';
import type { JobRecord } from '../../records/job-record.ts';
import { newId } from '../../records/new-id.ts';
import { unixTime } from '../../records/unix-time.ts';
import type { AnsweringService } from '../../service.ts';
import { turnOf } from '../../work/turn.ts';
import { defineRoute } from '../route.ts';
import { requireRoomForModel } from '../stored-quota.ts';
import { jobObject, jobSchema } from './job-object.ts';
import { requireRoom } from './job-quotas.ts';

/** `POST /v1/fine_tuning/jobs`: planned by the policy as it is now, recorded, and queued. */
export const createJob = defineRoute({
  method: 'POST',
  path: '/v1/fine_tuning/jobs',
  operation: 'createFineTuningJob',
  summary: 'Makes a job: a base model is fine-tuned on a file, under the safeguards of the provider.',
  access: 'key',
  body: jobRequestSchema,
  answer: jobSchema,
  async handle({ service, key, body }) {
    const { records, queue, policy } = service;
    const { tenant } = key!;
    await requireFiles(service, tenant, body);
    const job = newJob(tenant, body, planJob(policy, body, {}));
    await requireRoomForModel(service, tenant);
    await requireRoom(service, job);
    // What was announced as open is looked after, however far this came: see requeueJobs.
    await records.insert('open-job', { id: job.id, tenant, createdAt: job.createdAt });
    await records.insert('job', job);
    try {
      // Once more, now that others see the job: a file may have been deleted, or another job been made, in between.
      await requireFiles(service, tenant, body);
      await requireRoom(service, job);
    } catch (error) {
      await records.remove('job', job.id);
      await records.remove('open-job', job.id);
      throw error;
    }
    await records.appendEvent(job.id, {
      ...{ createdAt: job.createdAt, level: 'info', type: 'message', data: null },
      message: `Created fine-tuning job: ${job.id}`,
    });
    await queue.add(job.id, await turnOf(service, job));
    return { type: 'json', value: jobObject((await records.get('job', job.id)) ?? job, key!) };
  },
});

function newJob(tenant: string, request: JobRequest, plan: JobRecord['plan']): JobRecord {
  return {
    id: newId('ftjob-'),
    tenant,
    createdAt: unixTime(),
    startedAt: null,
    finishedAt: null,
    estimatedFinish: null,
    status: 'queued',
    wanted: 'run',
    request,
    plan,
    attempt: 0,
    worker: null,
    state: null,
    trainedTokens: null,
    screening: null,
    gate: null,
    fineTunedModel: null,
    resultFiles: [],
    checkpoints: [],
    error: null,
  };
}

/**
 * The files of a request are the tenant's own, also where the key sees those of others: whose data is trained on is whose model it is.
 *
 * @throws ApiError 400
 */
async function requireFiles(
  { records }: AnsweringService,
  tenant: string,
  request: JobRequest,
): Promise<void> {
  for (const param of ['training_file', 'validation_file'] as const) {
    const id = request[param];
    if (id === undefined || id === null) continue;
    const file = await records.get('file', id);
    if (file === undefined || file.tenant !== tenant || file.deletedAt !== undefined) {
      throw new ApiError(400, `The file '${id}' of ${param} does not exist.`, {
        code: 'file_not_found',
        param,
      });
    }
    if (file.purpose !== 'fine-tune') {
      throw new ApiError(
        400,
        `The file '${id}' of ${param} has the purpose '${file.purpose}', not 'fine-tune'.`,
        {
          code: 'invalid_file_purpose',
          param,
        },
      );
    }
  }
}
