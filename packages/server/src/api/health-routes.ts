import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ApiError } from '../errors.ts';
import { defineRoute } from './route.ts';

/** A store that takes longer to answer is as good as away, in milliseconds. */
const patience = 5000;

const answer = z.object({ status: z.literal('ok') });

const retrieveHealth = defineRoute({
  method: 'GET',
  path: '/healthz',
  operation: 'retrieveHealth',
  summary: 'Whether the process answers.',
  access: 'public',
  answer,
  async handle() {
    return { type: 'json', value: { status: 'ok' } };
  },
});

const retrieveReadiness = defineRoute({
  method: 'GET',
  path: '/readyz',
  operation: 'retrieveReadiness',
  summary: 'Whether records, queue and storage can be reached.',
  access: 'public',
  answer,
  async handle({ service }) {
    const { records, queue, storage } = service;
    const reached = Promise.all([
      records.list('key', { limit: 1, order: 'asc' }),
      queue.counts(),
      // Nothing lies there: asking is what counts.
      storage.list('readiness/'),
    ]);
    const late = sleep(patience, undefined, { ref: false }).then(() => Promise.reject(new Error('too late')));
    try {
      await Promise.race([reached, late]);
    } catch {
      throw new ApiError(503, 'The service is not ready.', { code: 'not_ready', retryAfter: 5 });
    }
    return { type: 'json', value: { status: 'ok' } };
  },
});

export const healthRoutes = [retrieveHealth, retrieveReadiness];
