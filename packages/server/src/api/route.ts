import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { KeyRecord } from '../records/key-record.ts';
import type { AnsweringService } from '../service.ts';
import type { UploadPart } from './upload.ts';

/** Who may call a route: everybody, any valid key (what it sees is its tenant's), or an operator's key alone. */
export type Access = 'public' | 'key' | 'operator';

/** One call of a route, checked. */
export interface Call<Parameters, Query, Body> {
  readonly service: AnsweringService;
  /** Undefined for a public route only. */
  readonly key: KeyRecord | undefined;
  readonly parameters: Parameters;
  readonly query: Query;
  readonly body: Body;
  /**
   * The parts of a multipart body as they arrive, of a route whose body is 'upload'. A file is read to its end before the next part comes.
   *
   * @param fileBytes the most that a file may have; the stream of a longer one fails.
   * @throws ApiError for what is no multipart, or too much of it.
   */
  parts(fileBytes: number): AsyncIterable<UploadPart>;
  /** Aborted when the client leaves, or the server closes and has waited long enough. */
  readonly signal: AbortSignal;
  /** Aborted when the server begins to close: what has no end of its own ends now. */
  readonly closing: AbortSignal;
}

/** What a route answers: JSON, a stream of a type of its own, or server-sent events. */
export type Answer =
  | { readonly type: 'json'; readonly status?: number; readonly value: unknown }
  | {
      readonly type: 'content';
      readonly contentType: string;
      readonly filename?: string;
      readonly content: Readable | string;
    }
  /** Each string is the data of one event. The status is sent with the first of them: what fails before is answered as any error is. */
  | { readonly type: 'events'; readonly events: AsyncIterable<string> };

/**
 * One operation of the API. A table of these is everything there is: the server, the OpenAPI document, and the tests of who may do what
 * are made of it.
 */
export interface Route<
  Parameters extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodType,
> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** As OpenAPI writes it: `/v1/files/{file_id}`. */
  readonly path: string;
  /** As OpenAI's document calls it where it has it: `retrieveFile`. */
  readonly operation: string;
  readonly summary: string;
  readonly access: Access;
  /**
   * Most calls of one tenant that are answered at once, streams included; more are told 429. For what takes room or time that others
   * wait for. Default: as many as come.
   */
  readonly atOnce?: number;
  readonly parameters?: Parameters;
  readonly query?: Query;
  /** JSON; 'upload' is multipart, which the route streams itself. */
  readonly body?: Body | 'upload';
  /** Of the answer, for the document. */
  readonly answer?: z.ZodType;
  handle(call: Call<z.output<Parameters>, z.output<Query>, z.output<Body>>): Promise<Answer>;
}

/** A route whose handler knows the types of what the schemas let through. */
export function defineRoute<
  Parameters extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodType,
>(route: Route<Parameters, Query, Body>): Route {
  return route as Route;
}
