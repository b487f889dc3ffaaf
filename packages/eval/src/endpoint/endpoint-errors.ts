import { carries } from '../errors.ts';

/**
 * Why a request to an endpoint failed for good.
 *
 * - `'outage'`: nothing usable came within the patience: no connection, no answer in time, 5xx, 429.
 * - `'access'`: 401, 403, 404 or used-up credit: the key, the model's name or the address is wrong.
 * - `'request'`: another 4xx: the server does not take what it is sent.
 * - `'answer'`: an answer that is no chat completion, again and again.
 * - `'redirect'`: the server sends elsewhere, where the key is not taken.
 */
export type EndpointFailure = 'outage' | 'access' | 'request' | 'answer' | 'redirect';

const endpointMarker = Symbol.for('safetune.EndpointError');

/** A request to an OpenAI-compatible endpoint that failed for good. Its message holds no secrets. */
export class EndpointError extends Error {
  readonly [endpointMarker] = true;
  /** Base address of the endpoint, without credentials. */
  readonly url: string;
  /** HTTP status; undefined when no answer came at all. */
  readonly status: number | undefined;
  readonly failure: EndpointFailure;

  constructor(
    url: string,
    failure: EndpointFailure,
    status: number | undefined,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`${url}: ${message}`, options);
    this.name = 'EndpointError';
    this.url = url;
    this.failure = failure;
    this.status = status;
  }

  static isInstance(error: unknown): error is EndpointError {
    return carries(error, endpointMarker);
  }
}

const logProbabilityMarker = Symbol.for('safetune.LogProbabilityError');

/** An answer whose log-probabilities, which were asked for, are not there or cannot be: nothing is scored from it. */
export class LogProbabilityError extends Error {
  readonly [logProbabilityMarker] = true;
  /** Base address of the endpoint, without credentials. */
  readonly url: string;
  readonly problem: 'missing' | 'above-zero';

  constructor(url: string, problem: 'missing' | 'above-zero', message: string, options?: ErrorOptions) {
    super(`${url}: ${message}`, options);
    this.name = 'LogProbabilityError';
    this.url = url;
    this.problem = problem;
  }

  static isInstance(error: unknown): error is LogProbabilityError {
    return carries(error, logProbabilityMarker);
  }
}

const tokenLimitMarker = Symbol.for('safetune.TokenLimitError');

/** A request that was not sent, because with it more tokens could have been used than are allowed. */
export class TokenLimitError extends Error {
  readonly [tokenLimitMarker] = true;
  /** Most tokens allowed. */
  readonly limit: number;
  /** Tokens used so far. */
  readonly used: number;
  /** Most that the request could have used. */
  readonly needed: number;

  constructor(limit: number, used: number, needed: number, options?: ErrorOptions) {
    super(
      `the next request could use ${needed} tokens, and ${used} of the ${limit} allowed are used; raise maxTokensTotal and run again: what is done is kept`,
      options,
    );
    this.name = 'TokenLimitError';
    this.limit = limit;
    this.used = used;
    this.needed = needed;
  }

  static isInstance(error: unknown): error is TokenLimitError {
    return carries(error, tokenLimitMarker);
  }
}

const recordingMarker = Symbol.for('safetune.RecordingError');

/** A recording of requests that cannot be read or written, or that has no answer to a request. */
export class RecordingError extends Error {
  readonly [recordingMarker] = true;
  /** The recording. */
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options);
    this.name = 'RecordingError';
    this.path = path;
  }

  static isInstance(error: unknown): error is RecordingError {
    return carries(error, recordingMarker);
  }
}
