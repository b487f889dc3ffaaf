import { z } from 'zod';
import { policySchema } from '../../policy/policy-schema.ts';
import { defineRoute } from '../route.ts';

/** `GET /v1/fine_tuning/limits`: what of the policy a customer is to know. Paths of the provider's are no part of it. */
export const retrieveLimits = defineRoute({
  method: 'GET',
  path: '/v1/fine_tuning/limits',
  operation: 'retrieveFineTuningLimits',
  summary: 'Tells what may be asked for, what it costs, and which safeguards act.',
  access: 'key',
  answer: z.object({
    object: z.literal('fine_tuning.limits'),
    models: z.record(
      z.string(),
      z.object({
        precision: z.string(),
        price_per_million_tokens: z.number().nullable(),
        download: z.boolean().describe('whether fine-tunes of it may be taken away'),
      }),
    ),
    limits: policySchema.shape.limits,
    defaults: z.object({
      n_epochs: z.int(),
      batch_size: z.int(),
      learning_rate: z.number(),
      rank: z.int(),
      max_length: z.int(),
    }),
    safeguards: z.object({
      mandatory: z.array(z.string()),
      optional: z.array(z.object({ type: z.string(), up_to: z.number() })),
    }),
  }),
  async handle({ service: { policy } }) {
    const { training, safeguards } = policy;
    return {
      type: 'json',
      value: {
        object: 'fine_tuning.limits',
        models: Object.fromEntries(
          Object.entries(policy.models).map(([id, model]) => [
            id,
            {
              precision: model.precision,
              price_per_million_tokens: model.price_per_million_tokens ?? null,
              download: model.download,
            },
          ]),
        ),
        limits: policy.limits,
        defaults: {
          n_epochs: training.epochs,
          batch_size: training.batch_size,
          learning_rate: training.learning_rate,
          rank: training.rank,
          max_length: training.max_length,
        },
        safeguards: {
          mandatory: safeguards.mandatory.map(({ type }) => type),
          optional: safeguards.optional.map(({ safeguard, up_to }) => ({ type: safeguard.type, up_to })),
        },
      },
    };
  },
});
