import { z } from 'zod';
import type { JobRecord } from '../../records/job-record.ts';
import type { AnsweringService } from '../../service.ts';
import { idSchema, listAnswer, listSchema, orderQuery, pageQuery, visiblePage } from '../listing.ts';
import { defineRoute } from '../route.ts';
import { visibleJob } from '../visible.ts';
import { cancelJob, pauseJob, resumeJob } from './change-job.ts';
import { createJob } from './create-job.ts';
import { listEvents } from './job-events.ts';
import { checkpointObject, checkpointSchema, jobObject, jobSchema } from './job-object.ts';

const parameters = z.object({ fine_tuning_job_id: idSchema });

const listJobs = defineRoute({
  method: 'GET',
  path: '/v1/fine_tuning/jobs',
  operation: 'listPaginatedFineTuningJobs',
  summary: 'Lists jobs.',
  access: 'key',
  query: z.strictObject({
    ...pageQuery({ usual: 20, most: 1000 }),
    order: orderQuery,
    metadata: z
      .union([z.literal('null'), z.record(z.string().max(64), z.string().max(512))])
      .optional()
      .describe("only jobs with these entries, as metadata[key]=value; or 'null': those without metadata"),
  }),
  answer: listSchema(jobSchema),
  async handle({ service, key, query }) {
    const { items, hasMore } = await visiblePage(service.records, key!, 'job', query, ({ request }) =>
      hasMetadata(request.metadata, query.metadata),
    );
    return listAnswer(
      items.map((job) => jobObject(job, key!)),
      hasMore,
    );
  },
});

function hasMetadata(
  metadata: Readonly<Record<string, string>> | null | undefined,
  wanted: 'null' | Readonly<Record<string, string>> | undefined,
): boolean {
  if (wanted === undefined) return true;
  if (wanted === 'null') return metadata === undefined || metadata === null;
  return Object.entries(wanted).every(
    ([name, value]) => metadata && Object.hasOwn(metadata, name) && metadata[name] === value,
  );
}

const retrieveJob = defineRoute({
  method: 'GET',
  path: '/v1/fine_tuning/jobs/{fine_tuning_job_id}',
  operation: 'retrieveFineTuningJob',
  summary: 'Tells what is known of a job.',
  access: 'key',
  parameters,
  answer: jobSchema,
  async handle({ service, key, parameters }) {
    return {
      type: 'json',
      value: jobObject(await visibleJob(service.records, key!, parameters.fine_tuning_job_id), key!),
    };
  },
});

const listCheckpoints = defineRoute({
  method: 'GET',
  path: '/v1/fine_tuning/jobs/{fine_tuning_job_id}/checkpoints',
  operation: 'listFineTuningJobCheckpoints',
  summary: 'Lists the checkpoints of a job, the newest first.',
  access: 'key',
  parameters,
  query: z.strictObject(pageQuery({ usual: 10, most: 1000 })),
  answer: listSchema(checkpointSchema),
  async handle({ service, key, parameters, query }) {
    const job = await visibleJob(service.records, key!, parameters.fine_tuning_job_id);
    const all = job.checkpoints.toReversed();
    const after = query.after === undefined ? -1 : all.findIndex(({ id }) => id === query.after);
    const rest = query.after !== undefined && after === -1 ? [] : all.slice(after + 1);
    return listAnswer(
      rest.slice(0, query.limit).map((checkpoint) => checkpointObject(job, checkpoint)),
      rest.length > query.limit,
    );
  },
});

/** `POST .../cancel`, `.../pause` and `.../resume`. */
function changeRoute(
  name: 'cancel' | 'pause' | 'resume',
  change: (service: AnsweringService, id: string) => Promise<JobRecord>,
  summary: string,
) {
  return defineRoute({
    method: 'POST',
    path: `/v1/fine_tuning/jobs/{fine_tuning_job_id}/${name}`,
    operation: `${name}FineTuningJob`,
    summary,
    access: 'key',
    parameters,
    answer: jobSchema,
    async handle({ service, key, parameters }) {
      const { id } = await visibleJob(service.records, key!, parameters.fine_tuning_job_id);
      return { type: 'json', value: jobObject(await change(service, id), key!) };
    },
  });
}

export const jobRoutes = [
  createJob,
  listJobs,
  retrieveJob,
  listEvents,
  listCheckpoints,
  changeRoute('cancel', cancelJob, 'Cancels a job: at once while it waits, within seconds while it runs.'),
  changeRoute('pause', pauseJob, 'Pauses a job; one that runs saves its state first.'),
  changeRoute('resume', resumeJob, 'Has a paused job go on from its last state, as it was planned.'),
];
