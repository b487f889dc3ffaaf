import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Queue } from '../queue.ts';
import { leaseContract } from './lease-contract.ts';
import { type QueueSubject, type TriedQueue, taken, tryQueue } from './tried-queue.ts';

/** What any queue must keep to, whatever it is kept in. */
export function queueContract(name: string, makeSubject: () => Promise<QueueSubject>): void {
  describe(name, () => {
    let tried: TriedQueue;
    let queue: Queue;
    const open = () => tried.open();

    beforeEach(async () => {
      tried = await tryQueue(await makeSubject());
      queue = tried.queue;
    });
    afterEach(() => tried.end());

    it('gives jobs by turn, and equal ones in order of arrival', async () => {
      // One tenant adds four jobs before another adds two: they take turns.
      const jobs = [
        ['a0', 0],
        ['a1', 1],
        ['a2', 2],
        ['a3', 3],
        ['b0', 0],
        ['b1', 1],
      ] as const;
      for (const [id, turn] of jobs) await queue.add(id, turn);
      const other = await open();
      const order: string[] = [];
      for (let index = 0; index < jobs.length; index += 1) {
        const lease = await taken(index % 2 === 0 ? queue : other);
        order.push(lease.jobId);
        await lease.end('done');
      }
      expect(order).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'a3']);
      expect(await queue.counts()).toEqual({ waiting: 0, running: 0 });
    });

    it('gives turns that are far apart in their order', async () => {
      for (const [id, turn] of [
        ['far', 5_000_000],
        ['near', 70_000],
        ['first', 0],
      ] as const)
        await queue.add(id, turn);
      const order: string[] = [];
      for (let index = 0; index < 3; index += 1) {
        const lease = await taken(queue);
        order.push(lease.jobId);
        await lease.end('done');
      }
      expect(order).toEqual(['first', 'near', 'far']);
    });

    it('leaves a job that is there already at its place', async () => {
      await queue.add('one', 5);
      await queue.add('two', 5);
      await queue.add('two', 0);
      await queue.add('one', 9);
      expect(await queue.counts()).toEqual({ waiting: 2, running: 0 });
      const lease = await taken(queue);
      expect(lease.jobId).toBe('one');
      await queue.add('one', 0);
      expect(await queue.counts()).toEqual({ waiting: 1, running: 1 });
      await lease.end('done');
      const next = await taken(queue);
      expect(next.jobId).toBe('two');
      await next.end('done');
      expect(await queue.has('one')).toBe(false);
    });

    it('puts a job that is to be done again back to its place', async () => {
      await queue.add('one', 1);
      await queue.add('two', 1);
      await queue.add('three', 0);
      const first = await taken(queue);
      const second = await taken(queue);
      expect([first.jobId, second.jobId]).toEqual(['three', 'one']);
      await second.end('again');
      expect(await queue.counts()).toEqual({ waiting: 2, running: 1 });
      const again = await taken(queue);
      expect(again.jobId).toBe('one');
      await again.end('done');
      const last = await taken(queue);
      expect(last.jobId).toBe('two');
      await last.end('again');
      expect(await queue.has('two')).toBe(true);
      await first.end('done');
      expect(await queue.counts()).toEqual({ waiting: 1, running: 0 });
    });

    it('ends a lease once', async () => {
      await queue.add('one', 0);
      const lease = await taken(queue);
      await lease.end('again');
      const next = await taken(await open());
      await lease.end('done');
      expect(await queue.has('one')).toBe(true);
      expect(next.lost.aborted).toBe(false);
      await next.end('done');
      await next.end('again');
      expect(await queue.has('one')).toBe(false);
      expect(lease.lost.aborted).toBe(false);
    });

    it('takes a job that was done as a new one', async () => {
      for (let round = 0; round < 2; round += 1) {
        await queue.add('one', 0);
        await (await taken(queue)).end('done');
      }
      expect(await queue.has('one')).toBe(false);
    });

    it('waits for a job that another adds', async () => {
      const waiting = queue.take('worker', AbortSignal.timeout(60_000));
      await sleep(50);
      await (await open()).add('late', 0);
      const lease = await waiting;
      expect(lease?.jobId).toBe('late');
      await lease?.end('done');
    });

    it('gives nothing when the signal is aborted', async () => {
      await queue.add('one', 0);
      expect(await queue.take('worker', AbortSignal.abort())).toBeUndefined();
      const lease = await taken(queue);
      const controller = new AbortController();
      const waiting = queue.take('other', controller.signal);
      await sleep(50);
      controller.abort();
      expect(await waiting).toBeUndefined();
      await lease.end('again');
      expect(await queue.counts()).toEqual({ waiting: 1, running: 0 });
    });

    it('takes out a job that nobody has', async () => {
      await queue.add('one', 0);
      await queue.add('two', 0);
      const lease = await taken(queue);
      expect(await queue.remove('one')).toBe(false);
      expect(await queue.remove('two')).toBe(true);
      expect(await queue.remove('two')).toBe(false);
      expect(await queue.remove('three')).toBe(false);
      expect([await queue.has('one'), await queue.has('two'), await queue.has('three')]).toEqual([
        true,
        false,
        false,
      ]);
      await lease.end('done');
    });

    it('tells of its workers', async () => {
      await queue.add('one', 0);
      const lease = await taken(queue, 'worker-1');
      const controller = new AbortController();
      const other = await open();
      const waiting = other.take('worker-2', controller.signal);
      const seen = async () => (await queue.workers()).map(({ id, jobId }) => [id, jobId]);
      await expect.poll(seen, { timeout: 10_000 }).toEqual([
        ['worker-1', 'one'],
        ['worker-2', null],
      ]);
      for (const { seenAt } of await queue.workers())
        expect(Math.abs(seenAt - Date.now() / 1000)).toBeLessThan(60);
      controller.abort();
      await waiting;
      await lease.end('done');
      await expect.poll(seen, { timeout: 10_000 }).toEqual([['worker-1', null]]);
    });

    it.each(['', '1', ' one', 'a:b', 'a/b', '../a', "a'--", 'a\n', 'a\u0000', 'ä', `a${'b'.repeat(128)}`])(
      'refuses %j as a job',
      async (odd) => {
        await expect(queue.add(odd, 0)).rejects.toMatchObject({ name: 'StoreError', problem: 'refused' });
        expect(await queue.has(odd)).toBe(false);
        expect(await queue.remove(odd)).toBe(false);
        expect(await queue.counts()).toEqual({ waiting: 0, running: 0 });
      },
    );

    it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d as a turn', async (turn) => {
      await expect(queue.add('one', turn)).rejects.toMatchObject({ name: 'StoreError', problem: 'refused' });
      expect(await queue.has('one')).toBe(false);
    });

    it('takes names of workers as they are', async () => {
      const odd = `'); DROP TABLE jobs; -- \u0000 ../*{}`;
      await queue.add('one', 0);
      const lease = await taken(queue, odd);
      expect((await queue.workers()).map(({ id }) => id)).toEqual([odd]);
      await lease.end('done');
      expect(await queue.counts()).toEqual({ waiting: 0, running: 0 });
    });

    it('gives each of many jobs once to many workers', async () => {
      const other = await open();
      const ids = Array.from({ length: 50 }, (_, index) => `job-${index}`);
      await Promise.all(ids.map((id, index) => (index % 2 === 0 ? queue : other).add(id, index % 5)));
      const given: string[] = [];
      const done = new AbortController();
      const work = async (from: Queue, worker: string) => {
        for (;;) {
          const lease = await from.take(worker, done.signal);
          if (!lease) return;
          given.push(lease.jobId);
          await sleep(5);
          expect(lease.lost.aborted).toBe(false);
          await lease.end('done');
          if (given.length === ids.length && (await from.counts()).running === 0) done.abort();
        }
      };
      await Promise.all([queue, other, queue, other].map((from, index) => work(from, `worker-${index}`)));
      expect(given.toSorted()).toEqual(ids.toSorted());
      expect(await queue.counts()).toEqual({ waiting: 0, running: 0 });
    });
  });

  leaseContract(name, makeSubject);
}
