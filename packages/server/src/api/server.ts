import { randomUUID } from 'node:crypto';
import multipart from '@fastify/multipart';
import rateLimit from '@fastify/rate-limit';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import type { Redis } from 'ioredis';
import { ApiError } from '../errors.ts';
import type { KeyRecord } from '../records/key-record.ts';
import type { AnsweringService } from '../service.ts';
import { authenticate, isWrongKey } from './authentication.ts';
import { createCallsAtOnce } from './calls-at-once.ts';
import { createStreamSlots } from './event-stream.ts';
import { handleRequest } from './handle-request.ts';
import { apiErrorOf, errorBody } from './openai-error.ts';
import { openApiRoute } from './openapi.ts';
import { answerDamagedRequest, refuseOtherMethods, routerPath } from './refused-requests.ts';
import type { Route } from './route.ts';
import { watchUnusedConnections } from './unused-connections.ts';
import { watchBody } from './watch-body.ts';
import { createWrongKeys, type WrongKeys } from './wrong-keys.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose request it is; undefined on public routes. */
    apiKey: KeyRecord | undefined;
    /** Whether it brought a key that is none. */
    hasWrongKey: boolean;
  }
  interface FastifyContextConfig {
    apiRoute?: Route;
  }
}

/** What clients may take, of time and of everything else. Times are milliseconds. */
export interface ServerLimits {
  /** Bytes of a JSON body. Default 2 MiB. */
  readonly bodyBytes?: number;
  /** For the headers of a request to arrive. Default 20 s. */
  readonly headersTimeout?: number;
  /** For a whole request to arrive. Default 15 min: uploads are large. */
  readonly requestTimeout?: number;
  /** Between two pieces of a body. Default 30 s. */
  readonly idleTimeout?: number;
  /** Streamed answers of one key at once. Default 50. */
  readonly streamsOfKey?: number;
  /** Streamed answers at once. Default 1000. */
  readonly streams?: number;
  /** Between two signs of life on a stream that has nothing to say. Default 15 s. */
  readonly keepAlive?: number;
  /** For what is being answered when the server closes. Default 10 s. */
  readonly closeTimeout?: number;
}

export interface ServerOptions {
  readonly routes: readonly Route[];
  readonly limits?: ServerLimits;
  /** Where requests are counted when several servers answer; without it each server counts by itself. */
  readonly redis?: Redis;
  /** Default: nothing is logged. */
  readonly logger?: FastifyBaseLogger;
  /**
   * Whether X-Forwarded-For says who the client is: true behind a proxy that sets it or adds to it. Its last address is taken, which is the
   * one that the proxy saw; what stands before it is whatever the client wrote. Default false.
   */
  readonly trustProxy?: boolean;
}

/** The HTTP server of a table of routes, and of the document that describes them. It answers once it listens. */
export async function createServer(
  service: AnsweringService,
  options: ServerOptions,
): Promise<FastifyInstance> {
  const { redis, logger, trustProxy = false, limits = {} } = options;
  const routes = [...options.routes, openApiRoute(options.routes)];
  const { headersTimeout = 20_000, requestTimeout = 15 * 60_000 } = limits;
  const server: FastifyInstance = fastify({
    ...(logger === undefined ? { logger: false } : { loggerInstance: logger }),
    logController: new LogController({ disableRequestLogging: true }),
    // One step back, not all: a proxy that adds to the header leaves what the client has sent before it.
    trustProxy: trustProxy && ((_address: string, step: number) => step === 0),
    bodyLimit: limits.bodyBytes ?? 2 * 2 ** 20,
    requestTimeout,
    http: {
      headersTimeout,
      maxHeaderSize: 16 * 1024,
      connectionsCheckingInterval: Math.min(5_000, headersTimeout, requestTimeout),
    },
    // An id that a client sends is a text of theirs.
    requestIdHeader: false,
    genReqId: () => `req_${randomUUID().replaceAll('-', '')}`,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerDamagedRequest,
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      const told = apiErrorOf(error);
      void reply.code(told.status).send(errorBody(told));
    },
    routerOptions: {
      maxParamLength: 300,
      // It is parsed where an error of it can be answered.
      querystringParser: (text) => ({ text }),
    },
  });
  server.decorateRequest('apiKey', undefined);
  server.decorateRequest('hasWrongKey', false);
  const wrongKeys = createWrongKeys({ most: service.policy.limits.wrong_keys_per_minute });
  server.setErrorHandler((error, request, reply) => {
    const told = apiErrorOf(error);
    if (told.status >= 500)
      request.log.error({ err: error, route: request.routeOptions.url }, 'a request failed');
    if (told.retryAfter !== null) reply.header('retry-after', String(Math.ceil(told.retryAfter)));
    return reply.code(told.status).send(errorBody(told));
  });
  server.setNotFoundHandler((request) => {
    const path = request.url.split('?', 1)[0]!.slice(0, 200);
    throw new ApiError(404, `Unknown request URL: ${request.method} ${path}`, { code: 'unknown_url' });
  });
  server.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    await admit(request, service, wrongKeys);
  });
  server.addHook('preParsing', async (request) => watchBody(request, limits.idleTimeout ?? 30_000));
  server.removeContentTypeParser('text/plain');
  acceptEmptyJson(server);
  await server.register(multipart);
  await server.register(rateLimit, {
    timeWindow: 60_000,
    max: ({ apiKey }) => apiKey?.requestsPerMinute ?? service.policy.limits.requests_per_minute,
    keyGenerator: ({ apiKey, ip }) => apiKey?.id ?? ip,
    errorResponseBuilder: (_request, { max, after }) =>
      new ApiError(429, `More than ${max} requests in a minute. Try again in ${after}.`, {
        code: 'rate_limit_exceeded',
      }),
    ...(redis !== undefined && { redis, nameSpace: 'safetune:rate:' }),
  });
  const endUnused = watchUnusedConnections(server.server);
  const closing = new AbortController();
  const closed = new AbortController();
  server.addHook('preClose', async () => {
    closing.abort();
    endUnused();
    const isOver = new ApiError(503, 'The server is closing. Try again.', { code: 'closing', retryAfter: 5 });
    const patience = limits.closeTimeout ?? 10_000;
    setTimeout(() => closed.abort(isOver), patience).unref();
    // Connections that are kept are closed when they have their answer; who takes none for a second more is not waited for.
    const idle = setInterval(() => server.server.closeIdleConnections(), 50);
    const all = setTimeout(() => server.server.closeAllConnections(), patience + 1000);
    server.server.once('close', () => {
      clearInterval(idle);
      clearTimeout(all);
    });
  });
  const answering = {
    ...{ closing: closing.signal, closed: closed.signal },
    slots: createStreamSlots({ ofKey: limits.streamsOfKey ?? 50, ofAll: limits.streams ?? 1000 }),
    calls: createCallsAtOnce(),
    keepAliveMilliseconds: limits.keepAlive ?? 15_000,
  };
  for (const route of routes) {
    server.route({
      method: route.method,
      url: routerPath(route.path),
      config: { apiRoute: route },
      handler: (request, reply) => handleRequest(route, service, request, reply, answering),
    });
  }
  refuseOtherMethods(server, routes);
  return server;
}

/** @throws ApiError 401 without a valid key, 429 for many wrong ones, 403 with one that does not open this. */
async function admit(
  request: FastifyRequest,
  service: AnsweringService,
  wrongKeys: WrongKeys,
): Promise<void> {
  const route = request.routeOptions.config.apiRoute;
  if (route === undefined || route.access === 'public') return;
  try {
    request.apiKey = await authenticate(request.headers.authorization, service.records);
  } catch (error) {
    // Only now: whoever shares an address with somebody who guesses is not shut out.
    request.hasWrongKey = isWrongKey(error);
    if (request.hasWrongKey) wrongKeys.count(request.ip);
    throw error;
  }
  if (route.access === 'operator' && request.apiKey.role !== 'operator') {
    throw new ApiError(403, "This needs an operator's key.", { code: 'operator_key_required' });
  }
}

/** Clients say that they send JSON also where they send nothing. */
function acceptEmptyJson(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeContentTypeParser('application/json');
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parse(request, body as string, done);
  });
}
