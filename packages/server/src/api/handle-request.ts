import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../errors.ts';
import type { AnsweringService } from '../service.ts';
import { checkedInput } from './checked-input.ts';
import { attachment } from './content-disposition.ts';
import { eventStream, type StreamSlots } from './event-stream.ts';
import { parseQuery } from './query-text.ts';
import type { Call, Route } from './route.ts';
import { uploadParts } from './upload.ts';

export interface StreamLimits {
  readonly slots: StreamSlots;
  readonly keepAliveMilliseconds: number;
}

/** Checks a request by its route's schemas, has the route answer it, and sends the answer. */
export async function handleRequest(
  route: Route,
  service: AnsweringService,
  request: FastifyRequest,
  reply: FastifyReply,
  streams: StreamLimits,
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  const answer = await route.handle(callOf(route, service, request, gone.signal));
  if (answer.type === 'json') return reply.code(answer.status ?? 200).send(answer.value);
  if (answer.type === 'content') {
    reply.header('content-type', answer.contentType);
    if (answer.filename !== undefined) reply.header('content-disposition', attachment(answer.filename));
    return reply.send(answer.content);
  }
  const events = await eventStream(answer.events, {
    keepAliveMilliseconds: streams.keepAliveMilliseconds,
    onClose: streams.slots.take(request.apiKey?.id ?? request.ip),
  });
  reply.headers({ 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
  return reply.send(events);
}

function callOf(
  route: Route,
  service: AnsweringService,
  request: FastifyRequest,
  signal: AbortSignal,
): Call<Record<string, unknown>, Record<string, unknown>, unknown> {
  const parameters = route.parameters?.safeParse(request.params);
  // An id of a form that no id has is that of nothing.
  if (parameters?.success === false) throw new ApiError(404, 'There is nothing of that id.');
  const { text } = request.query as { readonly text?: string };
  const query = parseQuery(text ?? '');
  const isForm = request.isMultipart();
  if (isForm !== (route.body === 'upload')) {
    if (isForm || request.body !== undefined) {
      throw new ApiError(
        415,
        isForm ? 'The body must be application/json.' : 'The body must be multipart/form-data.',
      );
    }
    throw new ApiError(400, 'The body is missing: it must be multipart/form-data.');
  }
  return {
    service,
    key: request.apiKey,
    parameters: parameters?.data ?? {},
    query: route.query === undefined ? {} : checkedInput(route.query, query),
    body:
      route.body === undefined || route.body === 'upload'
        ? undefined
        : checkedInput(route.body, request.body ?? {}),
    parts: (fileBytes) => uploadParts(request, fileBytes),
    signal,
  };
}
