import { z } from 'zod';
import { ApiError } from '../errors.ts';
import { defineRoute } from './route.ts';

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
  summary: 'Whether records and queue can be reached.',
  access: 'public',
  answer,
  async handle({ service }) {
    try {
      await Promise.all([service.records.list('key', { limit: 1, order: 'asc' }), service.queue.counts()]);
    } catch {
      throw new ApiError(503, 'The service is not ready.', { code: 'not_ready' });
    }
    return { type: 'json', value: { status: 'ok' } };
  },
});

export const healthRoutes = [retrieveHealth, retrieveReadiness];
