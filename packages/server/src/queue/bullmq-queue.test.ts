import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis, whyNoRedis } from '../testing/redis-server.ts';
import { openBullmqQueue } from './bullmq-queue.ts';
import { queueContract } from './testing/queue-contract.ts';
import { leaseMilliseconds } from './testing/tried-queue.ts';

describe.skipIf(whyNoRedis)(`with a Redis${whyNoRedis ? ` (${whyNoRedis})` : ''}`, () => {
  let server: RedisServer;
  let prefixes = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.remove());

  queueContract('a queue of BullMQ', async () => {
    prefixes += 1;
    const options = {
      prefix: `test-${prefixes}`,
      leaseSeconds: leaseMilliseconds / 1000,
      pollMilliseconds: 20,
    };
    return {
      open: () => openBullmqQueue(server.url, options),
      opening: `(await import('../bullmq-queue.ts')).openBullmqQueue('${server.url}', ${JSON.stringify(options)})`,
      remove: async () => {},
    };
  });

  it('keeps nothing but ids, and nothing of jobs that are done', async () => {
    const { Redis } = await import('ioredis');
    const client = new Redis(server.url);
    const queue = await openBullmqQueue(server.url, { prefix: 'bare' });
    await queue.add('one', 3);
    expect((await client.hgetall('bare:jobs:one')).data).toBe('null');
    const lease = await queue.take('worker', AbortSignal.timeout(10_000));
    await lease?.end('done');
    const keys = await client.keys('bare:*');
    expect(keys.filter((key) => key.includes('one'))).toEqual([]);
    await queue.close();
    client.disconnect();
  });

  it('gives a job again however often its worker died', { timeout: 60_000 }, async () => {
    const options = { prefix: 'dying', leaseSeconds: 0.4, pollMilliseconds: 20 };
    const queue = await openBullmqQueue(server.url, options);
    await queue.add('one', 0);
    for (let death = 0; death < 5; death += 1) {
      const dying = await openBullmqQueue(server.url, options);
      expect((await dying.take('dying', AbortSignal.timeout(30_000)))?.jobId).toBe('one');
      await dying.close();
    }
    const lease = await queue.take('worker', AbortSignal.timeout(30_000));
    expect(lease?.jobId).toBe('one');
    expect(await queue.has('one')).toBe(true);
    await queue.close();
  });

  it('refuses times that are none', async () => {
    for (const leaseSeconds of [0, -1, Number.NaN, 1e9])
      await expect(openBullmqQueue(server.url, { leaseSeconds })).rejects.toBeInstanceOf(RangeError);
    for (const pollMilliseconds of [0, Number.NaN, 1e9])
      await expect(openBullmqQueue(server.url, { pollMilliseconds })).rejects.toBeInstanceOf(RangeError);
  });
});

describe.skipIf(whyNoRedis)(`with a Redis of its own${whyNoRedis ? ` (${whyNoRedis})` : ''}`, () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'goes on when Redis is stopped by %s in the middle, and gives each job once',
    async (signal) => {
      const server = await startRedis();
      // Longer than the outage. A job whose giving was not answered waits for that long, and is given then.
      const options = { leaseSeconds: 10, pollMilliseconds: 20 };
      const queues = [
        await openBullmqQueue(server.url, options),
        await openBullmqQueue(server.url, options),
      ] as const;
      const ids = Array.from({ length: 50 }, (_, index) => `job-${index}`);
      for (const id of ids.slice(0, 40)) await queues[0].add(id, 0);
      const given: string[] = [];
      const done = new AbortController();
      const work = async (index: number) => {
        for (;;) {
          const lease = await queues[index % 2]!.take(`worker-${index}`, done.signal);
          if (!lease) return;
          given.push(lease.jobId);
          await new Promise((resolve) => setTimeout(resolve, 30));
          expect(lease.lost.aborted).toBe(false);
          await lease.end('done');
        }
      };
      const working = Promise.all([0, 1, 2].map(work));
      await expect.poll(() => given.length, { timeout: 30_000 }).toBeGreaterThan(8);
      await server.stop(signal);
      const adding = Promise.all(ids.slice(40).map((id) => queues[1].add(id, 0)));
      await new Promise((resolve) => setTimeout(resolve, 300));
      await server.start();
      await adding;
      await expect.poll(() => queues[0].counts(), { timeout: 60_000 }).toEqual({ waiting: 0, running: 0 });
      done.abort();
      await working;
      expect(given.toSorted()).toEqual(ids.toSorted());
      await Promise.all(queues.map((queue) => queue.close()));
      await server.remove();
    },
  );

  it('gives a lease up in time when Redis does not answer, and lets itself be closed', async () => {
    const server = await startRedis();
    const queue = await openBullmqQueue(server.url, { leaseSeconds: 2 });
    await queue.add('one', 0);
    const began = performance.now();
    const lease = await queue.take('worker', AbortSignal.timeout(10_000));
    await server.stop();
    await new Promise((resolve) => lease?.lost.addEventListener('abort', resolve));
    expect(performance.now() - began).toBeGreaterThan(500);
    await lease?.end('done');
    const waiting = queue.take('worker', new AbortController().signal);
    await queue.close();
    expect(await waiting).toBeUndefined();
    await server.remove();
  });
});
