import type { FastifyInstance } from 'fastify';
import { pageFiles, pageHeaders } from './page-files.ts';

/**
 * Serves the page at `/`. It has no door of its own: its program asks the API with the key that its reader types in, so that it shows what
 * that key may see, and its files, which are the same for everybody, need none.
 */
export function registerPage(server: FastifyInstance): void {
  for (const { path, contentType, content } of pageFiles()) {
    server.get(path, async (_request, reply) =>
      reply.headers({ ...pageHeaders, 'content-type': contentType }).send(content),
    );
  }
}
