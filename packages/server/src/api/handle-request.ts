import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../errors.ts';
import type { AnsweringService } from '../service.ts';
import type { CallsAtOnce } from './calls-at-once.ts';
import { checkedInput } from './checked-input.ts';
import { attachment } from './content-disposition.ts';
import { eventStream, type StreamSlots } from './event-stream.ts';
import { parseQuery } from './query-text.ts';
import type { Call, Route } from './route.ts';
import { uploadParts } from './upload.ts';

export interface Answering {
  /** Aborted when the server begins to close. */
  readonly closing: AbortSignal;
  /** Aborted some time later. */
  readonly closed: AbortSignal;
  readonly slots: StreamSlots;
  readonly calls: CallsAtOnce;
  readonly keepAliveMilliseconds: number;
}

/** Checks a request by its route's schemas, has the route answer it, and sends the answer. */
export async function handleRequest(
  route: Route,
  service: AnsweringService,
  request: FastifyRequest,
  reply: FastifyReply,
  answering: Answering,
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new ApiError(499, 'The client has left.'));
  });
  // Before anything of the body is read.
  if (route.atOnce !== undefined) {
    const leave = answering.calls.take(route, request.apiKey?.tenant ?? request.ip);
    reply.raw.once('close', leave);
  }
  const answer = await route.handle({
    ...inputOf(route, request),
    service,
    key: request.apiKey,
    parts: (fileBytes) => uploadParts(request, fileBytes),
    signal: AbortSignal.any([gone.signal, answering.closed]),
    closing: answering.closing,
  });
  if (answer.type === 'json') return reply.code(answer.status ?? 200).send(answer.value);
  if (answer.type === 'content') {
    reply.header('content-type', answer.contentType);
    // What clients or models wrote runs nowhere as the service's own, whatever type it has.
    if (answer.filename !== undefined) reply.header('content-security-policy', 'sandbox');
    if (answer.filename !== undefined) reply.header('content-disposition', attachment(answer.filename));
    return reply.send(answer.content);
  }
  const events = await eventStream(answer.events, {
    keepAliveMilliseconds: answering.keepAliveMilliseconds,
    onClose: answering.slots.take(request.apiKey?.id ?? request.ip),
  });
  reply.headers({ 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
  return reply.send(events);
}

/** @throws ApiError for what the route's schemas do not let through. */
function inputOf(
  route: Route,
  request: FastifyRequest,
): Pick<Call<Record<string, unknown>, Record<string, unknown>, unknown>, 'parameters' | 'query' | 'body'> {
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
    parameters: parameters?.data ?? {},
    query: route.query === undefined ? {} : checkedInput(route.query, query),
    body:
      route.body === undefined || route.body === 'upload'
        ? undefined
        : checkedInput(route.body, request.body ?? {}),
  };
}
