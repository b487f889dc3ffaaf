import type { Clock } from './clock.ts';

/** A request that failed in a way that may pass. */
export interface PassingFailure {
  /** HTTP status; undefined when no answer came. */
  readonly status?: number;
  /** What went wrong, as it may be shown. */
  readonly reason: string;
  /** What the server asks to wait. */
  readonly retryAfterMs?: number;
  /**
   * Whether it says that the server is there and will answer later (429, 502, 503, 504). Anything else may as well be a
   * wrong address, and is waited for less long while nothing has ever been answered.
   */
  readonly isComingBack: boolean;
}

/** What is waited for. */
export interface EndpointWait {
  /** Base address of the endpoint, without credentials. */
  readonly url: string;
  /** Why the latest request failed. */
  readonly reason: string;
  /** Since the first failure after the last answer, in milliseconds. */
  readonly waitedMs: number;
  /** Until the next try, in milliseconds. */
  readonly nextTryMs: number;
  /** Until no more is tried, in milliseconds. */
  readonly patienceLeftMs: number;
}

/** One request's leave to be sent. Exactly one of its functions is called, once. */
export interface Pass {
  /** The server answered, be it with a refusal. */
  answered(): void;
  /** Gives the error to end with when the patience is over. */
  failed(failure: PassingFailure): OutOfPatience | undefined;
  /** The request was given up for reasons of its own. */
  withdrawn(): void;
}

/** Lets the requests of one endpoint through while it answers, and one at a time while it does not. */
export interface CircuitBreaker {
  /** Requests answered so far. */
  readonly answers: number;
  /**
   * Waits until a request may be sent.
   *
   * @throws {OutOfPatience} An abort throws the signal's reason.
   */
  enter(signal?: AbortSignal): Promise<Pass>;
}

/** The endpoint has not answered for as long as one was willing to wait. */
export class OutOfPatience extends Error {
  /** HTTP status of the latest failure; undefined when no answer came. */
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined) {
    super(message);
    this.name = 'OutOfPatience';
    this.status = status;
  }
}

/** What {@link circuitBreaker} takes. */
export interface CircuitBreakerOptions {
  /** Shown in {@link EndpointWait}. */
  readonly url: string;
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly onWait?: (wait: EndpointWait | null) => void;
}

/** Wait before the n-th further try, n from 1: half a second, doubled each time, at most 8 s. */
export function backoffMs(n: number): number {
  return Math.min(500 * 2 ** (n - 1), longestBackoffMs);
}

const longestBackoffMs = 8_000;
/** Patience with an address at which nothing has ever answered. */
const patienceWithUnknownMs = 60_000;

interface Outage {
  /** First failure after the last answer. */
  since: number;
  /** When the next request may go, as the trial. */
  nextTry: number;
  trials: number;
  failure: PassingFailure;
  deadline: number;
  /** An answer to a request sent earlier does not end a wait that the server asked for. */
  isAskedFor: boolean;
  isGivenUp: boolean;
}

interface Waiter {
  go(pass: Pass): void;
  refuse(error: Error): void;
}

/**
 * A circuit breaker: after a failure all requests wait, and ONE is sent as a trial, after half a second and then ever
 * less often, or when the server's Retry-After says. Its answer lets all go; so does the answer to a request that was
 * under way. Once `patienceMs` have passed since the first failure, all that wait are refused; requests that come later
 * are refused at once, but for one every 8 seconds, whose answer ends the outage.
 */
export function circuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { url, patienceMs, clock, onWait = () => {} } = options;
  const waiters = new Set<Waiter>();
  let answers = 0;
  let outage: Outage | undefined;
  let isOnTrial = false;
  let alarm: AbortController | undefined;

  function begin(isTrial: boolean): Pass {
    if (isTrial) isOnTrial = true;
    return {
      answered() {
        answers += 1;
        if (isTrial) isOnTrial = false;
        if (outage === undefined) return;
        if (!isTrial && outage.isAskedFor && clock.now() < outage.nextTry) outage.since = clock.now();
        else end();
      },
      failed(failure) {
        if (isTrial) isOnTrial = false;
        return note(failure, isTrial);
      },
      withdrawn() {
        if (isTrial) isOnTrial = false;
        ring();
      },
    };
  }

  function note(failure: PassingFailure, isTrial: boolean): OutOfPatience | undefined {
    const now = clock.now();
    const { retryAfterMs, isComingBack } = failure;
    const patience =
      answers === 0 && !isComingBack ? Math.min(patienceMs, patienceWithUnknownMs) : patienceMs;
    const isFirst = outage === undefined;
    outage ??= {
      since: now,
      nextTry: now,
      trials: 0,
      failure,
      deadline: 0,
      isAskedFor: false,
      isGivenUp: false,
    };
    outage.failure = failure;
    outage.deadline = outage.since + patience;
    if (isTrial) outage.trials += 1;
    // A failure of a request that was under way tells nothing new, unless the server says how long it takes.
    if (isFirst || isTrial || retryAfterMs !== undefined) {
      const wait = Math.min(retryAfterMs ?? backoffMs(outage.trials + 1), Math.max(0, outage.deadline - now));
      outage.isAskedFor = retryAfterMs !== undefined || (outage.isAskedFor && !isTrial);
      outage.nextTry = isTrial ? now + wait : Math.max(outage.nextTry, now + wait);
    }
    if (now >= outage.deadline) return giveUp(outage, now);
    onWait(waitOf(outage, now));
    ring();
    return undefined;
  }

  function giveUp(ended: Outage, now: number): OutOfPatience {
    ended.isGivenUp = true;
    ended.nextTry = now + longestBackoffMs;
    for (const waiter of waiters) waiter.refuse(outOfPatience(ended));
    return outOfPatience(ended);
  }

  function outOfPatience({ failure, since }: Outage): OutOfPatience {
    const waited = ((clock.now() - since) / 1000).toFixed(0);
    const message = `${failure.reason}; nothing has been answered for ${waited} s (patience: ${patienceMs / 1000} s); what is left open is asked again when the run is resumed`;
    return new OutOfPatience(message, failure.status);
  }

  function waitOf({ failure, since, nextTry, deadline }: Outage, now: number): EndpointWait {
    return {
      url,
      reason: failure.reason,
      waitedMs: now - since,
      nextTryMs: nextTry - now,
      patienceLeftMs: deadline - now,
    };
  }

  function end(): void {
    outage = undefined;
    alarm?.abort();
    for (const waiter of waiters) waiter.go(begin(false));
    onWait(null);
  }

  /** Sends the first that waits as soon as the next trial is due. */
  async function ring(): Promise<void> {
    if (alarm !== undefined) return;
    alarm = new AbortController();
    const { signal } = alarm;
    try {
      while (outage !== undefined && waiters.size > 0 && !isOnTrial) {
        const wait = outage.nextTry - clock.now();
        if (wait > 0) await clock.sleep(wait, signal);
        else waiters.values().next().value?.go(begin(true));
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      alarm = undefined;
    }
    // Another outage may have begun while the alarm of the last was being switched off.
    if (signal.aborted && outage !== undefined && waiters.size > 0 && !isOnTrial) ring();
  }

  return {
    get answers() {
      return answers;
    },
    async enter(signal) {
      signal?.throwIfAborted();
      if (outage === undefined) return begin(false);
      if (outage.isGivenUp && (isOnTrial || clock.now() < outage.nextTry)) throw outOfPatience(outage);
      return new Promise((resolve, reject) => {
        const stop = () => waiter.refuse(signal?.reason);
        const leave = () => {
          waiters.delete(waiter);
          signal?.removeEventListener('abort', stop);
          if (waiters.size === 0) alarm?.abort();
        };
        const waiter: Waiter = {
          go(pass) {
            leave();
            resolve(pass);
          },
          refuse(error) {
            leave();
            reject(error);
          },
        };
        waiters.add(waiter);
        signal?.addEventListener('abort', stop, { once: true });
        ring();
      });
    },
  };
}
