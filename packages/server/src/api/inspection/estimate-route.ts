import { z } from 'zod';
import { ApiError } from '../../errors.ts';
import { inspectFile } from '../../inspection/inspect-file.ts';
import { jobRequestSchema } from '../../policy/job-request.ts';
import { planJob } from '../../policy/plan-job.ts';
import type { JobRecord } from '../../records/job-record.ts';
import type { Records } from '../../records/records.ts';
import { defineRoute } from '../route.ts';
import { visibleFile } from '../visible.ts';

const number = z.number().nullable();

/** `POST /v1/fine_tuning/estimate`: what a job would be, of the body that would make it. */
export const estimateJob = defineRoute({
  method: 'POST',
  path: '/v1/fine_tuning/estimate',
  operation: 'estimateFineTuningJob',
  summary: 'Tells how many tokens a job would train, in how many steps, for what price, and about how long.',
  access: 'key',
  body: jobRequestSchema,
  answer: z.object({
    object: z.literal('fine_tuning.estimate'),
    model: z.string(),
    training_file: z.string(),
    hyperparameters: z.record(z.string(), z.number()),
    examples: z.int(),
    examples_refused: z.int().describe('that cannot be trained on'),
    first_refusal: z.string().nullable(),
    examples_cut: z.int().describe('that are longer than is trained on'),
    tokens_per_epoch: z.int(),
    learned_tokens_per_epoch: z.int(),
    trained_tokens: z.int().describe('of all epochs'),
    steps: z.int(),
    price: number.describe("in the provider's currency; null where there is no price"),
    seconds: number.describe(
      'of training, as fast as the last jobs of this model were; null before there are any',
    ),
    within_limits: z.boolean().describe('whether it is no more tokens than a job may train'),
  }),
  async handle({ service, key, body, signal }) {
    const { policy, records, storage } = service;
    const planned = planJob(policy, body, {});
    const file = await visibleFile(records, key!, body.training_file);
    if (file.purpose !== 'fine-tune') {
      throw new ApiError(400, `The file '${file.id}' has the purpose '${file.purpose}', not 'fine-tune'.`, {
        code: 'invalid_file_purpose',
        param: 'training_file',
      });
    }
    const { path, price_per_million_tokens: price } = policy.models[body.model]!;
    const { max_length: maxLength } = policy.training;
    const { method } = planned;
    const task = { type: 'count', method, mostExamples: policy.limits.examples } as const;
    const counted = await inspectFile(storage, file, { model: path, maxLength, task }, signal);
    const kept = counted.examples - counted.refused;
    // Too many, or too few for a safeguard: what a job would be refused for.
    planJob(policy, body, { exampleCount: kept });
    const { n_epochs: epochs, batch_size: batch } = planned.hyperparameters;
    const trained = counted.tokens * epochs;
    const perToken = await secondsPerToken(records, body.model);
    return {
      type: 'json',
      value: {
        object: 'fine_tuning.estimate',
        model: body.model,
        training_file: body.training_file,
        hyperparameters: planned.hyperparameters,
        examples: counted.examples,
        examples_refused: counted.refused,
        first_refusal: counted.firstRefusal,
        examples_cut: counted.cut,
        tokens_per_epoch: counted.tokens,
        learned_tokens_per_epoch: counted.learned,
        trained_tokens: trained,
        steps: Math.ceil(kept / batch) * epochs,
        price: price === undefined ? null : (trained * price) / 1e6,
        seconds: perToken === null ? null : Math.ceil(trained * perToken),
        within_limits: trained <= policy.limits.tokens,
      },
    };
  },
});

/** The median of the last jobs of a base model, whoever's they were; null when there was none. */
async function secondsPerToken(records: Records, model: string): Promise<number | null> {
  const { items } = await records.list('job', { limit: 100, order: 'desc' });
  const speeds = items
    .filter((job) => job.request.model === model && job.status === 'succeeded')
    .map(speedOf)
    .filter((speed) => speed !== null)
    .sort((a, b) => a - b);
  return speeds[Math.floor(speeds.length / 2)] ?? null;
}

function speedOf({ startedAt, finishedAt, trainedTokens }: JobRecord): number | null {
  if (startedAt === null || finishedAt === null || !trainedTokens) return null;
  return (finishedAt - startedAt) / trainedTokens;
}
