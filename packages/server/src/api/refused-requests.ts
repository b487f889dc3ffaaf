import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ApiError } from '../errors.ts';
import { errorBody } from './openai-error.ts';
import type { Route } from './route.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** The path as the router has it. */
export function routerPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

/** A path that there is, called by a method that it has not: 405, and which it has. */
export function refuseOtherMethods(server: FastifyInstance, routes: readonly Route[]): void {
  for (const path of new Set(routes.map((route) => route.path))) {
    const allowed = new Set<string>(
      routes.filter((route) => route.path === path).map(({ method }) => method),
    );
    server.route({
      method: methods.filter((method) => !allowed.has(method)),
      url: routerPath(path),
      // Before the body, which may be of any type.
      onRequest: async (request, reply) => {
        reply.header('allow', [...allowed].join(', '));
        throw new ApiError(
          405,
          `Not allowed to ${request.method} on ${path}; it takes ${[...allowed].join(', ')}.`,
          {
            code: 'method_not_supported',
          },
        );
      },
      handler: async () => undefined,
    });
  }
}

/** Answers what is no HTTP, too large in its headers, or too slow: nothing of it has come as far as a route. */
export function answerDamagedRequest(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, reason, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large', 'The headers are too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout', 'The request took too long to arrive.']
        : [400, 'Bad Request', 'The request is no HTTP that could be read.'];
  const body = JSON.stringify(errorBody(new ApiError(Number(status), String(message))));
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
