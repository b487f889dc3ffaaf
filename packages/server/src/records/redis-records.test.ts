import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBreakingProxy } from '../testing/breaking-proxy.ts';
import { type RedisServer, startRedis, whyNoRedis } from '../testing/redis-server.ts';
import { openRedisRecords } from './redis-records.ts';
import { recordsContract } from './testing/records-contract.ts';
import { sampleEvent, sampleFile, sampleJob } from './testing/sample-records.ts';

describe.skipIf(whyNoRedis)(`with a Redis${whyNoRedis ? ` (${whyNoRedis})` : ''}`, () => {
  let server: RedisServer;
  let prefixes = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.remove());

  recordsContract('records in Redis', async () => {
    prefixes += 1;
    const prefix = `test-${prefixes}`;
    return {
      open: () => openRedisRecords(server.url, { prefix }),
      opening: `(await import('../redis-records.ts')).openRedisRecords('${server.url}', { prefix: '${prefix}' })`,
      remove: async () => {},
    };
  });

  it('are kept apart by the prefix', async () => {
    const one = await openRedisRecords(server.url, { prefix: 'one' });
    const two = await openRedisRecords(server.url, { prefix: 'two' });
    await one.insert('file', sampleFile({ id: 'file-1' }));
    expect(await two.get('file', 'file-1')).toBeUndefined();
    expect((await two.list('file', { limit: 5, order: 'asc' })).items).toEqual([]);
    await one.close();
    await two.close();
  });

  it.each(['', 'a:b', '*', 'a b', 'x'.repeat(65)])('refuse %j as a prefix', async (prefix) => {
    await expect(openRedisRecords(server.url, { prefix })).rejects.toMatchObject({ problem: 'refused' });
  });

  it.each(['', 'localhost:6379', 'http://user:hush@localhost', 'redis:///var/run/redis'])(
    'refuse %j as an address, without telling it',
    async (url) => {
      const error = await openRedisRecords(url).then(
        () => new Error('it was opened'),
        (thrown: Error) => thrown,
      );
      expect(error).toMatchObject({ name: 'StoreError', problem: 'refused' });
      expect(String(error)).not.toContain('hush');
    },
  );

  it('are not opened when a later version wrote them', async () => {
    const client = new Redis(server.url);
    await client.set('later:layout', 2);
    await expect(openRedisRecords(server.url, { prefix: 'later' })).rejects.toMatchObject({
      problem: 'newer',
    });
    client.disconnect();
  });

  it('leave nothing when all are removed, but tokens and places that go by themselves', async () => {
    const records = await openRedisRecords(server.url, { prefix: 'gone' });
    await records.insert('job', sampleJob({ id: 'job-1' }));
    await records.appendEvent('job-1', sampleEvent('hello'));
    await records.remove('job', 'job-1');
    const client = new Redis(server.url);
    const keys = await client.keys('gone:*');
    const passing = keys.filter((key) => /^gone:(?:once|place):/.test(key));
    expect(passing).toContain('gone:place:job:job-1');
    expect(keys.filter((key) => !passing.includes(key)).toSorted()).toEqual(['gone:layout', 'gone:sequence']);
    for (const key of passing) expect(await client.ttl(key)).toBeGreaterThan(0);
    client.disconnect();
    await records.close();
  });

  it('do a write once when the connection breaks before its answer', async () => {
    const proxy = await startBreakingProxy(server.url);
    const records = await openRedisRecords(proxy.url, { prefix: 'broken' });
    await records.insert('job', sampleJob({ id: 'job-1' }));
    const writes = 5;
    for (let index = 0; index < writes; index += 1) {
      proxy.breakNextAnswerOf('HSET');
      await records.insert('file', sampleFile({ id: `file-${index}` }));
      proxy.breakNextAnswerOf('HSET');
      await records.change('job', 'job-1', (job) => ({ ...job, attempt: job.attempt + 1 }));
      proxy.breakNextAnswerOf('RPUSH');
      await records.appendEvent('job-1', sampleEvent(`event ${index}`));
      proxy.breakNextAnswerOf('ZREM');
      expect(await records.remove('file', `file-${index}`)).toBe(true);
    }
    expect(proxy.broken()).toBe(4 * writes);
    expect((await records.get('job', 'job-1'))?.attempt).toBe(writes);
    const { items } = await records.events('job-1', { limit: 100, order: 'asc' });
    expect(items.map(({ message }) => message)).toEqual(items.map((_, index) => `event ${index}`));
    expect(items).toHaveLength(writes);
    await records.close();
    await proxy.close();
  });
});

describe.skipIf(whyNoRedis)(`with a Redis of its own${whyNoRedis ? ` (${whyNoRedis})` : ''}`, () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'records go on when it is stopped by %s and started anew',
    async (signal) => {
      const server = await startRedis();
      const records = await openRedisRecords(server.url);
      await records.insert('job', sampleJob({ id: 'job-1' }));
      let writes = 0;
      let isOver = false;
      const writing = (async () => {
        while (!isOver || writes < 50) {
          await records.change('job', 'job-1', (job) => ({ ...job, attempt: job.attempt + 1 }));
          await records.appendEvent('job-1', sampleEvent(`event ${writes}`));
          writes += 1;
        }
      })();
      await expect.poll(() => writes, { timeout: 30_000 }).toBeGreaterThan(5);
      await server.stop(signal);
      const before = writes;
      await server.start();
      await expect.poll(() => writes, { timeout: 30_000 }).toBeGreaterThan(before + 5);
      isOver = true;
      await writing;
      expect((await records.get('job', 'job-1'))?.attempt).toBe(writes);
      expect((await records.events('job-1', { limit: 100_000, order: 'asc' })).items).toHaveLength(writes);
      await records.close();
      await server.remove();
    },
  );

  it('records are not opened where a full memory drops them', async () => {
    const server = await startRedis('--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru');
    await expect(openRedisRecords(server.url)).rejects.toMatchObject({
      name: 'StoreError',
      problem: 'refused',
    });
    await server.remove();
  });

  it('records say that a Redis forgets what it acknowledged', async () => {
    const server = await startRedis('--appendonly', 'no');
    const warnings: string[] = [];
    const records = await openRedisRecords(server.url, { onWarning: (text) => warnings.push(text) });
    expect(warnings).toEqual([expect.stringContaining('appendonly yes')]);
    await records.close();
    await server.remove();
  });

  it('records are not opened where nobody answers', async () => {
    const server = await startRedis();
    await server.stop();
    await expect(openRedisRecords(server.url)).rejects.toMatchObject({
      name: 'StoreError',
      problem: 'failed',
    });
    await server.remove();
  });
});
