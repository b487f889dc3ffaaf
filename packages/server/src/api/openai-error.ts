import { ApiError } from '../errors.ts';

/** The body of every answer that is an error, as OpenAI's clients read it. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export function errorBody({ message, type, param, code }: ApiError): ErrorBody {
  return { error: { message, type, param, code } };
}

/** What Fastify and its plugins find at fault in a request, in our words; theirs name their own functions and options. */
const frameworkMessages: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE:
    'The Content-Type is not taken here. Send application/json; files are uploaded as multipart/form-data.',
  FST_ERR_CTP_BODY_TOO_LARGE: 'The body is too large.',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty. It must be a JSON object.',
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body could not be parsed as JSON.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body has another length than its Content-Length.',
  FST_ERR_BAD_URL: 'The path could not be decoded.',
  FST_ERR_MAX_PARAM_LENGTH: 'A part of the path is too long.',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'The body must be multipart/form-data.',
  FST_PARTS_LIMIT: 'The form has too many parts.',
  FST_FILES_LIMIT: 'The form has more than one file.',
  FST_FIELDS_LIMIT: 'The form has too many fields.',
  FST_PROTO_VIOLATION: 'The form has a field of a name that is not allowed.',
  FST_PREMATURE_CLOSE: 'The form ended before it was complete.',
};

/**
 * What is told of an error that a handler or Fastify threw. Of what is nobody's fault but the service's, a client hears no more than
 * that.
 */
export function apiErrorOf(error: unknown): ApiError {
  if (ApiError.isInstance(error)) return error;
  const { statusCode, code, message } = (typeof error === 'object' && error !== null ? error : {}) as {
    statusCode?: unknown;
    code?: unknown;
    message?: unknown;
  };
  const known = typeof code === 'string' && Object.hasOwn(frameworkMessages, code);
  if (known || (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)) {
    const status = typeof statusCode === 'number' ? statusCode : 400;
    // Of the parser of JSON: it names what it found, and nothing of ours.
    const text = known
      ? frameworkMessages[code as string]
      : status === 400
        ? 'The body could not be parsed as JSON.'
        : undefined;
    return new ApiError(status, text ?? String(message));
  }
  return new ApiError(500, 'The server had an error while processing your request.', {
    code: 'internal_error',
  });
}
