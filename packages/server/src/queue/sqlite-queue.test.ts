import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSqliteQueue } from './sqlite-queue.ts';
import { queueContract } from './testing/queue-contract.ts';
import { leaseMilliseconds } from './testing/tried-queue.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-queue-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

queueContract('a queue in SQLite', async () => {
  const folder = await mkdtemp(join(directory, 'contract-'));
  const path = join(folder, 'queue.sqlite');
  const options = { leaseSeconds: leaseMilliseconds / 1000, pollMilliseconds: 20 };
  return {
    open: () => openSqliteQueue(path, options),
    opening: `(await import('../sqlite-queue.ts')).openSqliteQueue(${JSON.stringify(path)}, ${JSON.stringify(options)})`,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
});

it('gives again what was taken before the machine was started anew', async () => {
  const path = join(directory, 'reboot.sqlite');
  const queue = await openSqliteQueue(path, { leaseSeconds: 1000 });
  await queue.add('one', 0);
  const lease = await queue.take('worker', AbortSignal.timeout(10_000));
  const database = new DatabaseSync(path);
  // The clock since the start was far ahead then.
  database.exec('UPDATE jobs SET renewed = renewed + 1000000000');
  database.close();
  expect(await queue.counts()).toEqual({ waiting: 1, running: 0 });
  const again = await queue.take('worker', AbortSignal.timeout(10_000));
  expect(again?.jobId).toBe('one');
  await lease?.end('done');
  expect(await queue.has('one')).toBe(true);
  await queue.close();
});

it('gives a lease up before it runs out when it cannot be extended', async () => {
  const path = join(directory, 'stuck.sqlite');
  const queue = await openSqliteQueue(path, { leaseSeconds: 1 });
  await queue.add('one', 0);
  const lease = await queue.take('worker', AbortSignal.timeout(10_000));
  const database = new DatabaseSync(path);
  database.exec(`CREATE TRIGGER full BEFORE UPDATE ON jobs BEGIN SELECT raise(ABORT, 'disk full'); END`);
  database.close();
  await new Promise((resolve) => lease?.lost.addEventListener('abort', resolve));
  // Not yet to be had: whoever lost it has time to stop.
  expect(await queue.counts()).toEqual({ waiting: 0, running: 1 });
  await queue.close();
});

it('refuses times that are none', async () => {
  const path = join(directory, 'times.sqlite');
  for (const leaseSeconds of [0, -1, Number.NaN, 1e9])
    await expect(openSqliteQueue(path, { leaseSeconds })).rejects.toBeInstanceOf(RangeError);
  for (const pollMilliseconds of [0, Number.NaN, 1e9])
    await expect(openSqliteQueue(path, { pollMilliseconds })).rejects.toBeInstanceOf(RangeError);
});
