import { describe, expect, it } from 'vitest';
import { createModelPool, type ModelPoolOptions } from './model-pool.ts';

const never = new AbortController().signal;

/** A pool of models that tell what happens to them. */
function pool(options: Partial<ModelPoolOptions> = {}) {
  const events: string[] = [];
  const models = createModelPool<ReturnType<typeof modelOf>>({
    maximumModels: 2,
    maximumPerModel: 3,
    maximumWaiting: 4,
    ...options,
  });
  function modelOf(name: string) {
    return {
      name,
      isAlive: true,
      async close() {
        events.push(`close ${name}`);
      },
    };
  }
  const take = (name: string, signal: AbortSignal = never) =>
    models.take(
      name,
      async () => {
        events.push(`open ${name}`);
        return modelOf(name);
      },
      signal,
    );
  return { models, events, take };
}

/** Lets everything go on that can. */
const settle = () => new Promise((resolve) => setTimeout(resolve));
const isSettled = (promise: Promise<unknown>) =>
  Promise.race([promise.then(() => true), settle().then(() => false)]);

describe('a pool of models', () => {
  it('closes the one that was wanted least recently', async () => {
    const { events, take } = pool();
    for (const name of ['a', 'b', 'a', 'c', 'b']) (await take(name)).release();
    expect(events).toEqual(['open a', 'open b', 'close b', 'open c', 'close a', 'open b']);
  });

  it('never closes one in use, and lets others wait', async () => {
    const { events, take } = pool();
    const a = await take('a');
    const b = await take('b');
    const c = take('c');
    expect(await isSettled(c)).toBe(false);
    b.release();
    expect((await c).model.name).toBe('c');
    expect(events).toEqual(['open a', 'open b', 'close b', 'open c']);
    expect(a.removed.aborted).toBe(false);
  });

  it('gives a model to one request after the other, in their order', async () => {
    const { take, events } = pool();
    const first = await take('a');
    const order: number[] = [];
    const others = [1, 2].map(async (number) => {
      const lease = await take('a');
      order.push(number);
      lease.release();
    });
    await settle();
    expect(order).toEqual([]);
    first.release();
    // A second time is the same as once.
    first.release();
    await Promise.all(others);
    expect(order).toEqual([1, 2]);
    expect(events).toEqual(['open a']);
  });

  it('lets a model that is always wanted keep nobody out', async () => {
    const { take } = pool({ maximumModels: 1 });
    const first = await take('a');
    const b = take('b');
    const again = take('a');
    first.release();
    const held = await b;
    expect(await isSettled(again)).toBe(false);
    held.release();
    expect((await again).model.name).toBe('a');
  });

  it('turns away who comes when too many wait, and says when to come again', async () => {
    const { take } = pool({ maximumModels: 1 });
    await take('a');
    void take('a');
    void take('a');
    await expect(take('a')).rejects.toMatchObject({ status: 429, code: 'model_busy', retryAfter: 5 });
    for (let count = 0; count < 4; count++) void take('b').catch(() => {});
    await expect(take('b')).rejects.toMatchObject({ status: 503, code: 'models_busy', retryAfter: 5 });
  });

  it('forgets a request whose client has left, in either line', async () => {
    const { take, models } = pool({ maximumModels: 1 });
    const held = await take('a');
    const gone = new AbortController();
    const [inLine, forRoom] = [take('a', gone.signal), take('b', gone.signal)];
    const behind = take('a');
    await settle();
    gone.abort(new Error('the client left'));
    await expect(inLine).rejects.toThrow('the client left');
    await expect(forRoom).rejects.toThrow('the client left');
    held.release();
    (await behind).release();
    expect(models.entries()).toEqual([{ key: 'a', requests: 0 }]);
  });

  it('loads one anew whose process has died, and one that could not be loaded', async () => {
    const { models, take, events } = pool();
    const first = await take('a');
    first.model.isAlive = false;
    first.release();
    expect((await take('a')).model.isAlive).toBe(true);
    expect(events).toEqual(['open a', 'open a']);
    const broken = models.take('b', () => Promise.reject(new Error('broken')), never);
    await expect(broken).rejects.toThrow('broken');
    expect(models.entries().map(({ key }) => key)).toEqual(['a']);
    expect((await take('b')).model.name).toBe('b');
  });

  it('tells everybody at a model that is removed, also while it loads', async () => {
    const { models, take, events } = pool();
    const held = await take('a');
    const waiting = take('a');
    const loading = models.take(
      'b',
      (removed) =>
        new Promise((_, reject) => {
          removed.addEventListener('abort', () => reject(removed.reason));
        }),
      never,
    );
    const outcomes = Promise.allSettled([waiting, loading]);
    await settle();
    await Promise.all([models.remove('a'), models.remove('b'), models.remove('never there')]);
    expect(await outcomes).toMatchObject([
      { status: 'rejected', reason: { status: 404 } },
      { status: 'rejected', reason: { status: 404 } },
    ]);
    expect(held.removed.reason).toMatchObject({ status: 404, code: 'model_not_found' });
    held.release();
    expect(events).toEqual(['open a', 'close a']);
    expect(models.entries()).toEqual([]);
  });

  it('gives nothing once it is closed', async () => {
    const { models, take, events } = pool({ maximumModels: 1 });
    const held = await take('a');
    const waiting = take('b');
    const outcome = expect(waiting).rejects.toMatchObject({ status: 503 });
    await models.close();
    await outcome;
    await expect(take('a')).rejects.toMatchObject({ status: 503 });
    expect(held.removed.reason).toMatchObject({ status: 503 });
    expect(events).toEqual(['open a', 'close a']);
  });
});
