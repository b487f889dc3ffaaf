import { defineRoute, type Route } from '../api/route.ts';
import type { Metrics } from './metrics.ts';

/**
 * `GET /metrics`, for an operator's key alone: how much a provider trains is nobody else's business. Prometheus sends the key where its
 * configuration has `authorization: { credentials_file: ... }`.
 */
export function metricsRoute(metrics: Metrics): Route {
  return defineRoute({
    method: 'GET',
    path: '/metrics',
    operation: 'retrieveMetrics',
    summary: 'What the service tells Prometheus.',
    access: 'operator',
    async handle({ service }) {
      return { type: 'content', contentType: metrics.contentType, content: await metrics.text(service) };
    },
  });
}
