import { type EndpointAddress, endpointAddress } from './address.ts';
import type { ChatAnswer } from './chat-answer.ts';
import type { ChatBody } from './chat-body.ts';
import { backoffMs, type CircuitBreaker, circuitBreaker, OutOfPatience } from './circuit-breaker.ts';
import { type Clock, machineClock } from './clock.ts';
import { EndpointError } from './endpoint-errors.ts';
import { type EndpointOptions, endpointSettings } from './endpoint-options.ts';
import { httpPost, NoAnswer, type Post, RefusedRedirect } from './http-post.ts';
import { mostTokens } from './most-tokens.ts';
import { type Outcome, readOutcome } from './read-outcome.ts';
import { recordingPost, replayingPost } from './recording.ts';
import { type Redactor, redactor } from './redact.ts';
import type { TokenMeter } from './token-meter.ts';

/** An endpoint ready to be asked. */
export interface ChatEndpoint {
  /** Base address, without credentials and query. */
  readonly url: string;
  /** Requests to make at a time; keeping to it is the caller's part. */
  readonly concurrency: number;
  /**
   * Asks for one completion and gives its first choice, or why there is none. Waits and asks again as
   * {@link EndpointOptions} says.
   *
   * @throws {EndpointError} when the request failed for good.
   * @throws {LogProbabilityError} for `logprobs: true`, when there are none, or one is above 0.
   * @throws {TokenLimitError} in the place of a request that could use more tokens than are left.
   * @throws {RecordingError} when a request is not in the recording, or cannot be added to it.
   *   An abort by `signal` throws the signal's reason.
   */
  complete(body: ChatBody, options?: { readonly signal?: AbortSignal }): Promise<ChatAnswer>;
}

/**
 * An OpenAI-compatible endpoint. All its requests share one {@link circuitBreaker}.
 *
 * @throws {InvalidOptionError} for an option outside its range.
 */
export function chatEndpoint(options: EndpointOptions): ChatEndpoint {
  const { concurrency, timeoutMs, patienceMs, retries } = endpointSettings(options);
  const { onWait, meter, record, replay } = options;
  const address = endpointAddress(options.url, options.apiKey);
  const redact = redactor(address.secrets);
  const clock = replay === undefined ? (options.clock ?? machineClock) : withoutWaits;
  const { shown: url } = address;
  const breaker = circuitBreaker({ url, patienceMs, clock, ...(onWait && { onWait }) });
  let post: Post;
  if (replay !== undefined) post = replayingPost(replay, redact);
  else post = httpPost(address, timeoutMs);
  if (record !== undefined) post = recordingPost(post, record, { url, redact, clock });
  const parts = { address, redact, clock, breaker, post, meter: replay === undefined ? meter : undefined };

  return {
    url,
    concurrency,
    async complete(body, { signal } = {}) {
      const begin = clock.now();
      // Failures since whose predecessor the endpoint has answered something: they are the request's own.
      let strikes = 0;
      let answers = -1;
      for (let tries = 1; ; tries += 1) {
        const outcome = await attempt(body, parts, signal).catch((error) => {
          throw error instanceof OutOfPatience
            ? new EndpointError(url, 'outage', error.status, error.message)
            : error;
        });
        if (outcome.kind === 'answer') return outcome.answer;
        if (outcome.kind === 'final') throw outcome.error;
        const { status, reason } = outcome.failure;
        if (breaker.answers > answers) strikes += 1;
        answers = breaker.answers;
        // Whoever is asked to be slower waits its turn, however often it is asked.
        const isOver = status === 429 ? clock.now() - begin >= patienceMs : strikes > retries;
        if (isOver) {
          const failure = outcome.kind === 'unusable' ? 'answer' : 'outage';
          throw new EndpointError(url, failure, status, `${reason} (asked ${tries} times)`);
        }
        await clock.sleep(backoffMs(tries), signal);
      }
    },
  };
}

interface EndpointParts {
  readonly address: EndpointAddress;
  readonly redact: Redactor;
  readonly clock: Clock;
  readonly breaker: CircuitBreaker;
  readonly post: Post;
  readonly meter: TokenMeter | undefined;
}

/** A recording is not waited for. */
const withoutWaits: Clock = { ...machineClock, sleep: async (_, signal) => signal?.throwIfAborted() };

/** Sends a request once, with the tokens it may use held back, when the breaker lets it through. */
async function attempt(
  body: ChatBody,
  { address, redact, clock, breaker, post, meter }: EndpointParts,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const { shown: url, authorization } = address;
  const reservation = await meter?.reserve(body.model, mostTokens(body));
  const pass = await breaker.enter(signal).catch((error) => {
    reservation?.unused();
    throw error;
  });
  let outcome: Outcome;
  try {
    const answer = await post(jsonOf(body), signal);
    const about = { url, body, redact, now: clock.now(), hasKey: authorization !== undefined };
    outcome = readOutcome(answer, about);
    if (answer.status > 299) reservation?.unused();
    else reservation?.used(outcome.kind === 'answer' ? outcome.answer.usage : undefined);
  } catch (error) {
    // What the server may have worked on, it may have counted.
    if (error instanceof NoAnswer && error.sent) reservation?.used(undefined);
    else reservation?.unused();
    const failed = outcomeOf(error, url, redact);
    if (failed === undefined) {
      pass.withdrawn();
      throw error;
    }
    outcome = failed;
  }
  const over = outcome.kind === 'passing' ? pass.failed(outcome.failure) : pass.answered();
  if (over !== undefined) throw over;
  return outcome;
}

/** What it comes to that no answer came, or one that leads elsewhere; undefined for any other error. */
function outcomeOf(error: unknown, url: string, redact: Redactor): Outcome | undefined {
  if (error instanceof NoAnswer)
    return { kind: 'passing', failure: { reason: redact.message(error.message), isComingBack: false } };
  if (!(error instanceof RefusedRedirect)) return undefined;
  const refusal = new EndpointError(url, 'redirect', error.status, redact.message(error.message));
  return { kind: 'final', error: refusal };
}

function jsonOf({ model, messages, ...others }: ChatBody): string {
  const fields = Object.entries(others).filter(([, value]) => value !== null && value !== undefined);
  return JSON.stringify({ model, messages, ...Object.fromEntries(fields), stream: false });
}
