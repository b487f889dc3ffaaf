import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import { scrub, withoutQuotes } from './scrub.ts';

export interface LogOptions {
  /** The least that is written. Default 'info'. */
  readonly level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** Where lines go. Default: stdout. */
  readonly destination?: DestinationStream;
}

/**
 * The log of the service: a JSON object a line, with the time in ISO form. No line has a key, a header, the content of a file or the text
 * of a conversation: of a request only its method, route, status and time are written, of an error its kind, its message without what it
 * quotes, and where it came from; and what looks like a key is taken out of every line before it is written.
 */
export function createLog({ level = 'info', destination }: LogOptions = {}): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: hidden.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[hidden]' },
    serializers: { err: describeError, error: describeError, req: describeRequest, res: describeReply },
    hooks: { streamWrite: scrub },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

const hidden = [
  'authorization',
  'cookie',
  'headers',
  'body',
  'messages',
  'content',
  'prompt',
  'password',
  'secret',
  'apiKey',
];

/** An error with what led to it; nothing of its own fields but a code. */
function describeError(error: unknown): object {
  if (!(error instanceof Error) && !hasStack(error)) return { type: typeof error };
  const { name, message, stack = '', cause, code } = error as Error & { readonly code?: unknown };
  return {
    type: name,
    message: withoutQuotes(message),
    ...(typeof code === 'string' ? { code: code.slice(0, 100) } : {}),
    stack: stack
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 20)
      .join('\n'),
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  };
}

function hasStack(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'stack' in error && 'message' in error;
}

function describeRequest({ method, routeOptions }: { method?: string; routeOptions?: { url?: string } }) {
  return { method, route: routeOptions?.url };
}

function describeReply({ statusCode }: { statusCode?: number }) {
  return { status: statusCode };
}
