import { describe, expect, test } from 'vitest';
import { type VirtualClock, virtualClock } from '../__fixtures__/virtual-clock.ts';
import {
  backoffMs,
  circuitBreaker,
  type EndpointWait,
  OutOfPatience,
  type PassingFailure,
} from './circuit-breaker.ts';

const unavailable: PassingFailure = { status: 503, reason: 'HTTP 503', isComingBack: true };
const refused: PassingFailure = { reason: 'connection failed', isComingBack: false };

/** Requests of one endpoint that fails until a time; says when each was sent. */
function endpoint(
  clock: VirtualClock,
  patienceMs: number,
  failure: (elapsed: number) => PassingFailure | undefined,
) {
  const waits: (EndpointWait | null)[] = [];
  const sent: number[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  const breaker = circuitBreaker({
    url: 'http://h/v1',
    patienceMs,
    clock,
    onWait: (wait) => waits.push(wait),
  });
  async function request(signal?: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const pass = await breaker.enter(signal);
      atOnce += 1;
      mostAtOnce = Math.max(mostAtOnce, atOnce);
      sent.push(clock.elapsed());
      await Promise.resolve();
      atOnce -= 1;
      const failed = failure(clock.elapsed());
      if (failed === undefined) return pass.answered();
      const over = pass.failed(failed);
      if (over !== undefined) throw over;
      await clock.sleep(backoffMs(tries));
    }
  }
  return { breaker, request, sent, waits, mostAtOnce: () => mostAtOnce, forget: () => (mostAtOnce = 0) };
}

describe('circuitBreaker', () => {
  test('lets everything through while the endpoint answers', async () => {
    const { request, mostAtOnce, waits } = endpoint(virtualClock(), 1000, () => undefined);
    await Promise.all([request(), request(), request()]);
    expect(mostAtOnce()).toBe(3);
    expect(waits).toEqual([]);
  });

  test('waits through an outage of 20 s with one trial at a time', async () => {
    const clock = virtualClock(0);
    const { request, sent, mostAtOnce, forget, waits } = endpoint(clock, 600_000, (elapsed) =>
      elapsed < 20_000 ? unavailable : undefined,
    );
    const all = Promise.all(Array.from({ length: 32 }, () => request()));
    await Promise.resolve();
    expect(sent).toEqual(Array(32).fill(0));
    forget();
    await all;
    const trials = sent.filter((time) => time > 0 && time < 20_000);
    expect(trials).toEqual([500, 1500, 3500, 7500, 15_500]);
    // The sixth trial ends it; the other 31 follow it.
    expect(sent.filter((time) => time >= 20_000)).toEqual(Array(32).fill(23_500));
    expect(mostAtOnce()).toBe(31);
    expect(waits.at(-1)).toBeNull();
    expect(waits[0]).toEqual({
      url: 'http://h/v1',
      reason: 'HTTP 503',
      waitedMs: 0,
      nextTryMs: 500,
      patienceLeftMs: 600_000,
    });
  });

  test('the trials of an outage go round among those that wait', async () => {
    const clock = virtualClock(0);
    const breaker = circuitBreaker({ url: 'u', patienceMs: 60_000, clock });
    const order: string[] = [];
    const request = async (name: string, isBad: boolean) => {
      for (let tries = 1; tries < 20; tries += 1) {
        const pass = await breaker.enter();
        order.push(name);
        await Promise.resolve();
        if (!isBad) return pass.answered();
        pass.failed(unavailable);
        await clock.sleep(backoffMs(tries));
      }
    };
    // One request that fails whatever happens does not keep the other from being asked.
    const bad = request('bad', true);
    await request('good', false);
    expect(order.slice(0, 2)).toEqual(['bad', 'good']);
    await bad;
  });

  test('waits as long as the endpoint asks, whatever answers come meanwhile', async () => {
    const clock = virtualClock(0);
    const breaker = circuitBreaker({ url: 'u', patienceMs: 600_000, clock });
    const first = await breaker.enter();
    const second = await breaker.enter();
    first.failed({ ...unavailable, status: 429, retryAfterMs: 90_000 });
    second.answered();
    const trial = await breaker.enter();
    expect(clock.elapsed()).toBe(90_000);
    trial.answered();
    (await breaker.enter()).answered();
    expect(clock.elapsed()).toBe(90_000);
  });

  test('an answer to a request under way ends an outage at once', async () => {
    const clock = virtualClock(0);
    const breaker = circuitBreaker({ url: 'u', patienceMs: 600_000, clock });
    const [first, second] = [await breaker.enter(), await breaker.enter()];
    first.failed(unavailable);
    const waiting = breaker.enter();
    second.answered();
    (await waiting).answered();
    expect(clock.elapsed()).toBe(0);
  });

  test('out of patience all that wait are refused, and the answer of a later one ends the outage', async () => {
    const clock = virtualClock(0);
    let isDown = true;
    const { request, sent } = endpoint(clock, 30_000, () => (isDown ? unavailable : undefined));
    const results = await Promise.allSettled([request(), request(), request()]);
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(OutOfPatience) });
    expect((results[0] as PromiseRejectedResult).reason).toMatchObject({
      status: 503,
      message: expect.stringContaining('HTTP 503; nothing has been answered for 30 s (patience: 30 s)'),
    });
    expect(sent.at(-1)).toBe(30_000);
    isDown = false;
    await expect(request()).rejects.toThrow(OutOfPatience);
    await clock.sleep(8000);
    await request();
    await Promise.all([request(), request()]);
  });

  test('a Retry-After beyond the patience is waited for as long as the patience', async () => {
    const clock = virtualClock(0);
    const { request, sent } = endpoint(clock, 60_000, () => ({ ...unavailable, retryAfterMs: 3_600_000 }));
    await expect(request()).rejects.toThrow(OutOfPatience);
    expect(sent).toEqual([0, 60_000]);
  });

  test('where nothing has ever answered, a refused connection is given a minute', async () => {
    const never = virtualClock(0);
    await expect(endpoint(never, 600_000, () => refused).request()).rejects.toThrow(OutOfPatience);
    expect(Math.floor(never.elapsed() / 10_000)).toBe(6);

    const known = virtualClock(0);
    const { request } = endpoint(known, 600_000, (elapsed) => (elapsed === 0 ? undefined : refused));
    await request();
    await known.sleep(1000);
    await expect(request()).rejects.toThrow(OutOfPatience);
    expect(Math.floor(known.elapsed() / 10_000)).toBe(60);
  });

  test('whoever waits can be called off, and its trial goes to the next', async () => {
    const clock = virtualClock(0);
    const breaker = circuitBreaker({ url: 'u', patienceMs: 600_000, clock });
    (await breaker.enter()).failed(unavailable);
    const controller = new AbortController();
    const called = breaker.enter(controller.signal);
    const next = breaker.enter();
    controller.abort(new Error('enough'));
    await expect(called).rejects.toThrow('enough');
    const pass = await next;
    const last = breaker.enter();
    pass.withdrawn();
    (await last).answered();
    await expect(breaker.enter(controller.signal)).rejects.toThrow('enough');
  });

  test('a new outage right after the last has an alarm of its own', async () => {
    const clock = virtualClock(0);
    const breaker = circuitBreaker({ url: 'u', patienceMs: 600_000, clock });
    const [first, second, third] = [await breaker.enter(), await breaker.enter(), await breaker.enter()];
    first.failed(unavailable);
    const waiting = breaker.enter();
    second.answered();
    third.failed(unavailable);
    (await waiting).failed(unavailable);
    (await breaker.enter()).answered();
  });
});
