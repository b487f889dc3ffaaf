import { printable } from '../printable.ts';
import { type ChatAnswer, impossibleToken, readChatAnswer } from './chat-answer.ts';
import type { ChatBody } from './chat-body.ts';
import type { PassingFailure } from './circuit-breaker.ts';
import { EndpointError, LogProbabilityError } from './endpoint-errors.ts';
import type { HttpAnswer } from './http-post.ts';
import type { Redactor } from './redact.ts';
import { retryAfterMs } from './retry-after.ts';

/** What an answer of the server comes to. */
export type Outcome =
  | { readonly kind: 'answer'; readonly answer: ChatAnswer }
  /** Asking again may help. */
  | { readonly kind: 'passing'; readonly failure: PassingFailure }
  /** The server is there, yet what it said cannot be used; asking again a few times may help. */
  | { readonly kind: 'unusable'; readonly failure: Pick<PassingFailure, 'status' | 'reason'> }
  | { readonly kind: 'final'; readonly error: Error };

/** What {@link readOutcome} needs to know of the request. */
export interface AskedAbout {
  /** Base address of the endpoint, without credentials. */
  readonly url: string;
  readonly body: ChatBody;
  readonly hasKey: boolean;
  readonly redact: Redactor;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Characters of a server's own words that a message holds. */
const longestServerMessage = 500;

/** Reads an answer, whatever its status. */
export function readOutcome({ status, headers, text }: HttpAnswer, about: AskedAbout): Outcome {
  const value = parseJson(about.redact.content(text));
  const said = errorIn(value);
  const isSuccess = status >= 200 && status <= 299;
  if (isSuccess && said === undefined) return readSuccess(value, text, about);
  const server = printable(about.redact.message(said?.message ?? text).trim(), longestServerMessage);
  const words = server === '' ? 'no explanation' : server;
  // Some servers put an error, with the status that it should have had, into an answer of 200.
  const meant = isSuccess ? (said?.status ?? 200) : status;
  const shown = isSuccess
    ? `HTTP ${status} with an error${meant === 200 ? '' : ` ${meant}`}`
    : `HTTP ${status}`;
  if (isRefusedRequest(meant, said, words)) {
    const message = `the server refused the request: ${shown}: ${words}`;
    return { kind: 'answer', answer: { content: null, missing: { reason: 'refused-request', message } } };
  }
  if (meant === 200 || meant === 409 || meant === 408 || meant >= 500 || isRateLimit(meant, said)) {
    const wait = retryAfterMs(headers, about.now);
    const failure = {
      status: meant,
      reason: `${shown}: ${words}`,
      isComingBack: meant === 429 || (meant >= 502 && meant <= 504),
      ...(wait !== undefined && { retryAfterMs: wait }),
    };
    return { kind: 'passing', failure };
  }
  return { kind: 'final', error: finalError(meant, shown, words, about) };
}

function readSuccess(value: unknown, text: string, { url, body, redact }: AskedAbout): Outcome {
  const answer = readChatAnswer(value);
  if (answer === undefined) {
    const begin = printable(redact.message(text).trim(), 100);
    const reason = `the answer is not a chat completion but '${begin}'; the address must be the base of an OpenAI-compatible API, such as http://127.0.0.1:8000/v1`;
    return { kind: 'unusable', failure: { status: 200, reason } };
  }
  if (body.logprobs !== true || answer.missing !== undefined) return { kind: 'answer', answer };
  if (answer.tokens === undefined || answer.tokens.length === 0) {
    const message =
      'the answer carries no log-probabilities, which were asked for (logprobs, top_logprobs); the server, or this model at it, does not give them';
    return { kind: 'final', error: new LogProbabilityError(url, 'missing', message) };
  }
  const impossible = impossibleToken(answer);
  if (impossible === undefined) return { kind: 'answer', answer };
  const token = printable(impossible.token, 50);
  const message = `the log-probability of '${token}' is ${impossible.logprob}, above 0, which no probability has; the server's log-probabilities cannot be trusted`;
  return { kind: 'final', error: new LogProbabilityError(url, 'above-zero', message) };
}

/** A server's own words about an error, and the status and code it gives inside the body. */
interface ServerError {
  readonly message: string;
  readonly status: number | undefined;
  readonly codes: readonly string[];
}

/** Finds an error as OpenAI, vLLM, llama.cpp, FastAPI and Azure write it. */
function errorIn(value: unknown): ServerError | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { choices, error, detail, message } = value as Record<string, unknown>;
  if (Array.isArray(choices) && !error) return undefined;
  const body = error || detail || (message ? value : undefined);
  if (!body) return undefined;
  if (typeof body !== 'object') return { message: String(body), status: undefined, codes: [] };
  const fields = body as Record<string, unknown>;
  const inner = (fields.innererror ?? {}) as Record<string, unknown>;
  const codes = [fields.code, fields.type, inner.code].filter((code) => typeof code === 'string');
  const status = Number(fields.code ?? fields.status);
  return {
    message: typeof fields.message === 'string' ? fields.message : JSON.stringify(body),
    status: Number.isInteger(status) && status >= 400 && status <= 599 ? status : undefined,
    codes,
  };
}

/** Whether the provider did not let the request through for what it says, which no further try changes. */
function isRefusedRequest(status: number, said: ServerError | undefined, words: string): boolean {
  if (![400, 403, 422, 451].includes(status)) return false;
  if (said?.codes.some((code) => /content_?policy|content_?filter|ResponsibleAI|moderation/i.test(code)))
    return true;
  return /content[\s_-]{0,3}(policy|filter|management|moderation)|safety (system|polic)|flagged by|was flagged/i.test(
    words,
  );
}

/** Used-up credit is not a matter of waiting. */
function isRateLimit(status: number, said: ServerError | undefined): boolean {
  return status === 429 && !said?.codes.includes('insufficient_quota');
}

function finalError(
  status: number,
  shown: string,
  words: string,
  { url, body, hasKey }: AskedAbout,
): EndpointError {
  const failure = [401, 402, 403, 404, 429].includes(status) ? 'access' : 'request';
  return new EndpointError(
    url,
    failure,
    status,
    `${shown}: ${words}${adviceFor(status, body.model, hasKey)}`,
  );
}

function adviceFor(status: number, model: string, hasKey: boolean): string {
  if (status === 401 || status === 403)
    return hasKey
      ? '; the key, or user and password, was not accepted: give another as apiKey or OPENAI_API_KEY'
      : '; no key was sent: give one as apiKey or OPENAI_API_KEY';
  if (status === 404)
    return `; check the model's name, '${printable(model, 200)}', and that the address is the base of the API, such as http://127.0.0.1:8000/v1`;
  if (status === 402 || status === 429) return '; the account has no credit left';
  return '';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
