import { z } from 'zod';
import type { GateVerdict } from '../../gate/gate-verdict.ts';
import { toldVerdict } from '../../gate/told-verdict.ts';
import type { JobEvent } from '../../records/job-event.ts';
import type { JobCheckpoint, JobRecord } from '../../records/job-record.ts';
import type { KeyRecord } from '../../records/key-record.ts';

const number = z.number().nullable();

export const jobSchema = z.object({
  id: z.string(),
  object: z.literal('fine_tuning.job'),
  model: z.string(),
  created_at: z.int(),
  started_at: z.int().nullable(),
  finished_at: z.int().nullable(),
  estimated_finish: z.int().nullable(),
  fine_tuned_model: z.string().nullable(),
  organization_id: z.string().describe('the tenant'),
  status: z.enum(['validating_files', 'queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled']),
  wanted: z.enum(['run', 'pause', 'cancel']).describe('what its owner wants of it; a worker gets to it soon'),
  training_file: z.string(),
  validation_file: z.string().nullable(),
  result_files: z.array(z.string()),
  trained_tokens: z.int().nullable(),
  hyperparameters: z.record(z.string(), z.number()).describe("those in force, in the place of 'auto'"),
  method: z.record(z.string(), z.unknown()),
  seed: z.int(),
  user_provided_suffix: z.string().nullable(),
  metadata: z.record(z.string(), z.string()).nullable(),
  integrations: z.array(z.unknown()),
  error: z.object({ code: z.string(), message: z.string(), param: z.string().nullable() }).nullable(),
  safeguards: z
    .array(
      z.object({
        type: z.string(),
        strength: number,
        by: z.enum(['policy', 'strengthened', 'customer']),
      }),
    )
    .describe('that act in the training, and who wants them'),
  screening: z
    .object({
      outcome: z.enum(['passed', 'warned', 'refused']),
      examples: z.int(),
      warned: z.int(),
      dropped: z.int(),
      reasons: z.record(z.string(), z.int()),
      reason: z.string(),
      report: z.string().nullable(),
    })
    .nullable()
    .describe('what the screen said of the data'),
  gate: z
    .object({
      outcome: z.enum(['released', 'quarantined', 'refused']),
      measurements: z.array(
        z.object({
          name: z.string(),
          value: number,
          low: number,
          high: number,
          quarantine: number,
          refuse: number,
        }),
      ),
      reason: z.string(),
      report: z.string().nullable(),
    })
    .nullable()
    .describe(
      'what the gate said of the finished model; no measurements, and none in the reason, where the provider keeps figures back',
    ),
});

/**
 * A job as OpenAI's API has it, with what its safeguards, the screen and the gate did.
 *
 * @param key of who is told: an operator sees every figure of the gate, also those that the policy keeps from the owner.
 */
export function jobObject(job: JobRecord, key: Pick<KeyRecord, 'role'>) {
  const { plan, request } = job;
  return {
    id: job.id,
    object: 'fine_tuning.job',
    model: request.model,
    created_at: job.createdAt,
    started_at: job.startedAt,
    finished_at: job.finishedAt,
    estimated_finish: job.estimatedFinish,
    fine_tuned_model: job.fineTunedModel,
    organization_id: job.tenant,
    status: job.status,
    wanted: job.wanted,
    training_file: request.training_file,
    validation_file: request.validation_file ?? null,
    result_files: job.resultFiles,
    trained_tokens: job.trainedTokens,
    hyperparameters: plan.hyperparameters,
    method: { type: plan.method, [plan.method]: { hyperparameters: plan.hyperparameters } },
    seed: plan.seed,
    user_provided_suffix: request.suffix ?? null,
    metadata: request.metadata ?? null,
    integrations: [],
    error: job.error,
    safeguards: plan.safeguards,
    screening: job.screening,
    gate: job.gate === null ? null : verdictFor(key, job.gate),
  };
}

function verdictFor({ role }: Pick<KeyRecord, 'role'>, gate: GateVerdict): GateVerdict {
  const { told: _told, ...whole } = gate;
  return role === 'operator' ? whole : toldVerdict(gate);
}

export const eventSchema = z.object({
  id: z.string(),
  object: z.literal('fine_tuning.job.event'),
  created_at: z.int(),
  level: z.enum(['info', 'warn', 'error']),
  type: z.enum(['message', 'metrics']),
  message: z.string(),
  data: z.record(z.string(), z.union([z.number(), z.string(), z.null()])).nullable(),
});

export function eventObject(jobId: string, event: JobEvent) {
  return {
    id: eventId(jobId, event.number),
    object: 'fine_tuning.job.event',
    created_at: event.createdAt,
    level: event.level,
    type: event.type,
    message: event.message,
    data: event.data,
  };
}

function eventId(jobId: string, number: number): string {
  return `ftevent-${jobId.slice('ftjob-'.length)}-${number}`;
}

/** Of an event's id; undefined for one that is not of this job. */
export function eventNumber(jobId: string, id: string): number | undefined {
  const number = Number(/-(\d{1,15})$/.exec(id)?.[1]);
  return id === eventId(jobId, number) ? number : undefined;
}

export const checkpointSchema = z.object({
  id: z.string(),
  object: z.literal('fine_tuning.job.checkpoint'),
  created_at: z.int(),
  fine_tuning_job_id: z.string(),
  fine_tuned_model_checkpoint: z
    .string()
    .describe('its name; it answers nothing, as only what has passed the gate does'),
  step_number: z.int(),
  metrics: z.record(z.string(), z.number()),
});

export function checkpointObject(job: JobRecord, checkpoint: JobCheckpoint) {
  const { model, suffix } = job.request;
  return {
    id: checkpoint.id,
    object: 'fine_tuning.job.checkpoint',
    created_at: checkpoint.createdAt,
    fine_tuning_job_id: job.id,
    fine_tuned_model_checkpoint: `ft:${model}:${job.tenant}:${suffix ?? ''}:${job.id.slice(-8)}:ckpt-step-${checkpoint.step}`,
    step_number: checkpoint.step,
    metrics: checkpoint.metrics,
  };
}
