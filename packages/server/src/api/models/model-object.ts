import { z } from 'zod';
import type { ModelRecord } from '../../records/model-record.ts';
import { unixTime } from '../../records/unix-time.ts';

export const modelSchema = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string().describe("'provider', or the tenant"),
  parent: z.string().nullable().describe('the base model that it was made of'),
  fine_tuning_job_id: z.string().nullable(),
  status: z.enum(['released', 'quarantined', 'refused']),
  bytes: z
    .int()
    .nullable()
    .describe(
      'that it takes of what its tenant may store; null where they were not counted, and of a base model',
    ),
});

/** Base models have no date of their own; it is that of the process. */
const started = unixTime();

export function baseModelObject(id: string): z.output<typeof modelSchema> {
  return {
    id,
    object: 'model',
    created: started,
    owned_by: 'provider',
    parent: null,
    fine_tuning_job_id: null,
    status: 'released',
    bytes: null,
  };
}

export function modelObject(model: ModelRecord): z.output<typeof modelSchema> {
  return {
    id: model.id,
    object: 'model',
    created: model.createdAt,
    owned_by: model.tenant,
    parent: model.base,
    fine_tuning_job_id: model.jobId,
    status: model.status,
    bytes: model.bytes ?? null,
  };
}
