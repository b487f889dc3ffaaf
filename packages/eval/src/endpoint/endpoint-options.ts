import { InvalidOptionError } from '../errors.ts';
import type { EndpointWait } from './circuit-breaker.ts';
import type { Clock } from './clock.ts';
import type { TokenMeter } from './token-meter.ts';

/** How to reach an endpoint that speaks OpenAI's chat completions. */
export interface EndpointOptions {
  /**
   * Base address, for instance 'http://127.0.0.1:8000/v1'. A user and password in it are sent as basic authentication; no
   * message, report or recording shows them.
   */
  readonly url: string;
  /**
   * Sent as bearer token. Default: the environment's OPENAI_API_KEY; with neither, none is sent, as local endpoints
   * allow.
   */
  readonly apiKey?: string;
  /** Requests at a time; default 16. */
  readonly concurrency?: number;
  /**
   * Longest wait for one complete answer, in milliseconds, counted from when the server has the request, the time in its
   * queue included; default 600,000 (10 minutes).
   */
  readonly timeoutMs?: number;
  /**
   * How long an endpoint that does not answer is waited for, in milliseconds from the first failure after its last
   * answer; default 600,000 (10 minutes). All requests wait together, one tries, after half a second and then every
   * second to eighth, or when the endpoint's Retry-After (seconds or a date) says. An endpoint that has never answered
   * and cannot be connected to, or answers 500, is given a minute at most.
   */
  readonly patienceMs?: number;
  /**
   * Further attempts of one request that fails while others are answered, or whose answer is no chat completion; default 4.
   */
  readonly retries?: number;
  /** Told whenever the endpoint is waited for, and null when it answers again. */
  readonly onWait?: (wait: EndpointWait | null) => void;
  /** Counts the tokens, and stops before there are too many; see {@link tokenMeter}. */
  readonly meter?: TokenMeter;
  /** A JSONL file to which every request and its answer are appended, for audits; secrets are taken out. */
  readonly record?: string;
  /** Such a file, from which requests are answered; nothing is sent. */
  readonly replay?: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** The longest time a timer of Node can measure, 24 days. */
const longestMs = 2 ** 31 - 1;

/** Settings with their defaults. @throws {InvalidOptionError} */
export function endpointSettings(options: EndpointOptions) {
  const { concurrency = 16, timeoutMs = 600_000, patienceMs = 600_000, retries = 4 } = options;
  if (!Number.isSafeInteger(concurrency) || concurrency < 1)
    throw new InvalidOptionError('concurrency', `must be a positive integer, not ${concurrency}`);
  if (!(timeoutMs > 0 && timeoutMs <= longestMs))
    throw new InvalidOptionError('timeoutMs', `must be above 0 and at most ${longestMs}, not ${timeoutMs}`);
  if (!(patienceMs >= 0 && patienceMs <= longestMs))
    throw new InvalidOptionError('patienceMs', `must be from 0 to ${longestMs}, not ${patienceMs}`);
  if (!Number.isSafeInteger(retries) || retries < 0)
    throw new InvalidOptionError('retries', `must be an integer from 0, not ${retries}`);
  if (options.record !== undefined && options.replay !== undefined)
    throw new InvalidOptionError(
      'replay',
      'cannot be given together with record: what is replayed is recorded already',
    );
  return { concurrency, timeoutMs, patienceMs, retries };
}
