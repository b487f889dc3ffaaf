import type { FastifyInstance } from 'fastify';
import type { Metrics } from './metrics.ts';

/**
 * Counts every request, and writes one line about it to the server's log: by its route as the table has it, never by its address, which is
 * a client's text. The line has the id that the client is told as `x-request-id`. To be called before the server listens.
 */
export function observeServer(server: FastifyInstance, metrics: Metrics): void {
  server.addHook('onResponse', async (request, reply) => {
    const { config, url } = request.routeOptions;
    const route = config?.apiRoute?.path ?? url ?? 'unknown';
    const seconds = reply.elapsedTime / 1000;
    // Who leaves before the end has got no status.
    const status = reply.raw.writableFinished ? reply.statusCode : 499;
    metrics.answered({ method: request.method, route, status, seconds, hasWrongKey: request.hasWrongKey });
    request.log.info(
      {
        method: request.method,
        route,
        status,
        milliseconds: Math.round(reply.elapsedTime),
        ...(request.apiKey === undefined ? {} : { key: request.apiKey.id, tenant: request.apiKey.tenant }),
      },
      'answered',
    );
  });
}
