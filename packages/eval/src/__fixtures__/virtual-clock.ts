import type { Clock } from '../endpoint/clock.ts';

/** A clock on which whoever waits longest is woken at once, in the order of the time: hours pass in milliseconds. */
export interface VirtualClock extends Clock {
  /** Since the clock began, in milliseconds. */
  elapsed(): number;
}

/** Where virtual clocks begin: 2026-01-01T00:00:00Z. */
export const virtualStart = Date.UTC(2026, 0, 1);

interface Sleeper {
  readonly until: number;
  wake(): void;
}

/**
 * @param pauseMs real time between two wake-ups, in which requests under way can be answered.
 */
export function virtualClock(pauseMs = 2): VirtualClock {
  let time = virtualStart;
  let isWaking = false;
  const sleepers = new Set<Sleeper>();

  function wakeSoon(): void {
    if (isWaking) return;
    isWaking = true;
    setTimeout(wakeNext, pauseMs);
  }

  function wakeNext(): void {
    isWaking = false;
    const [next] = [...sleepers].sort((a, b) => a.until - b.until);
    if (next === undefined) return;
    time = Math.max(time, next.until);
    sleepers.delete(next);
    next.wake();
    wakeSoon();
  }

  return {
    now: () => time,
    elapsed: () => time - virtualStart,
    sleep(milliseconds, signal) {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const stop = () => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          until: time + milliseconds,
          wake() {
            signal?.removeEventListener('abort', stop);
            resolve();
          },
        };
        signal?.addEventListener('abort', stop, { once: true });
        sleepers.add(sleeper);
        wakeSoon();
      });
    },
  };
}
