import { z } from 'zod';
import { defineRoute } from '../route.ts';

/** `GET /v1/service/queue`: what waits, who works, and which models are in the memory of the server that answers. */
export const retrieveQueue = defineRoute({
  method: 'GET',
  path: '/v1/service/queue',
  operation: 'retrieveQueue',
  summary:
    'Tells how many jobs wait and run, which workers were seen lately, and which models are in memory.',
  access: 'operator',
  answer: z.object({
    object: z.literal('service.queue'),
    waiting: z.int(),
    running: z.int(),
    workers: z.array(
      z.object({ id: z.string(), job: z.string().nullable(), seen_at: z.int().describe('Unix time') }),
    ),
    models: z
      .array(
        z.object({
          base: z.string(),
          adapter: z
            .string()
            .nullable()
            .describe('prefix of the adapter in the storage; null for the base model'),
          requests: z.int().describe('that it answers or that wait for it'),
        }),
      )
      .describe('in the memory of the server that answers'),
  }),
  async handle({ service: { queue, chat } }) {
    const [{ waiting, running }, workers] = await Promise.all([queue.counts(), queue.workers()]);
    return {
      type: 'json',
      value: {
        object: 'service.queue',
        waiting,
        running,
        workers: workers.map(({ id, jobId, seenAt }) => ({ id, job: jobId, seen_at: seenAt })),
        models: chat.loaded().map(({ base, adapter, requests }) => ({
          base,
          adapter: adapter ?? null,
          requests,
        })),
      },
    };
  },
});
