import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it, type TestContext } from 'vitest';
import { leaseMilliseconds, type QueueSubject, taken, tryQueue } from './tried-queue.ts';

/** What the leases of any queue must keep to. The tests wait for leases to run out, and do so at the same time. */
export function leaseContract(name: string, makeSubject: () => Promise<QueueSubject>): void {
  const begin = async (onTestFinished: TestContext['onTestFinished']) => {
    const tried = await tryQueue(await makeSubject());
    onTestFinished(tried.end);
    return tried;
  };

  describe.concurrent(`leases of ${name}`, () => {
    it('keeps a lease for as long as its worker lives, and gives the job again when it was killed', async ({
      expect,
      onTestFinished,
    }) => {
      const { queue, start } = await begin(onTestFinished);
      await queue.add('one', 0);
      const program = start(`
        const lease = await queue.take('first', new AbortController().signal);
        lease.lost.addEventListener('abort', () => print('lost'));
        print(lease.jobId);
        setInterval(() => {}, 1000);`);
      await program.printed(1);
      const waiting = queue.take('second', AbortSignal.timeout(60_000));
      await sleep(2.5 * leaseMilliseconds);
      expect(await queue.counts()).toEqual({ waiting: 0, running: 1 });
      expect(program.lines).toEqual(['one']);
      await program.kill();
      const lease = await waiting;
      expect(lease?.jobId).toBe('one');
      expect(await queue.counts()).toEqual({ waiting: 0, running: 1 });
      await lease?.end('done');
      expect(await queue.has('one')).toBe(false);
    });

    it('tells a worker that was believed dead that its lease is lost', async ({ expect, onTestFinished }) => {
      const { queue, start } = await begin(onTestFinished);
      await queue.add('one', 0);
      const program = start(`
        const lease = await queue.take('first', new AbortController().signal);
        lease.lost.addEventListener('abort', async () => {
          await lease.end('done');
          print('lost');
        });
        print(lease.jobId);
        setInterval(() => {}, 1000);`);
      await program.printed(1);
      program.process.kill('SIGSTOP');
      const lease = await queue.take('second', AbortSignal.timeout(60_000));
      expect(lease?.jobId).toBe('one');
      program.process.kill('SIGCONT');
      await program.printed(2);
      expect(program.lines).toEqual(['one', 'lost']);
      // What the first one ended was not its own any more.
      expect(await queue.has('one')).toBe(true);
      await sleep(leaseMilliseconds);
      expect(lease?.lost.aborted).toBe(false);
      await lease?.end('done');
      expect(await queue.has('one')).toBe(false);
    });

    it('gives up its leases when it is closed', async ({ expect, onTestFinished }) => {
      const { queue, open } = await begin(onTestFinished);
      await queue.add('one', 0);
      const other = await open();
      const lease = await taken(other);
      const waiting = other.take('worker-2', new AbortController().signal);
      await sleep(20);
      await other.close();
      await other.close();
      expect(await waiting).toBeUndefined();
      expect(lease.lost.aborted).toBe(true);
      await lease.end('done');
      const again = await taken(queue);
      expect(again.jobId).toBe('one');
      await again.end('done');
      expect(await other.take('worker-3', new AbortController().signal)).toBeUndefined();
      await expect(other.add('two', 0)).rejects.toMatchObject({ name: 'StoreError', problem: 'closed' });
    });

    it('never gives a job to two at once, and none is lost, while workers are killed', async ({
      expect,
      onTestFinished,
    }) => {
      const { queue, start } = await begin(onTestFinished);
      const folder = await mkdtemp(join(tmpdir(), 'safetune-held-'));
      const ids = Array.from({ length: 12 }, (_, index) => `job-${index}`);
      for (const [index, id] of ids.entries()) await queue.add(id, index);
      // Who has a job holds a file of its name, and leaves its process's number in it.
      const worker = () =>
        start(`
          import { readFile, rm, writeFile } from 'node:fs/promises';
          const isAlive = (id: number) => { try { process.kill(id, 0); return true; } catch { return false; } };
          for (;;) {
            const lease = await queue.take('worker-' + process.pid, new AbortController().signal);
            const held = ${JSON.stringify(folder)} + '/' + lease.jobId + '.held';
            const holder = Number(await readFile(held, 'utf8').catch(() => '0'));
            if (holder !== 0 && isAlive(holder)) print('two at once: ' + lease.jobId);
            await writeFile(held, String(process.pid));
            print('took ' + lease.jobId);
            await new Promise((resolve) => setTimeout(resolve, 150));
            if (lease.lost.aborted) { print('lost ' + lease.jobId); continue; }
            await rm(held, { force: true });
            await writeFile(${JSON.stringify(folder)} + '/' + lease.jobId + '.done', '');
            await lease.end('done');
          }`);
      const running = [worker(), worker()];
      const lines: string[] = [];
      for (let kill = 0; kill < 4; kill += 1) {
        const index = kill % 2;
        await running[index]!.printed(1);
        await sleep(100 * kill);
        await running[index]!.kill();
        lines.push(...running[index]!.lines);
        running[index] = worker();
      }
      // Of one moment: between two questions the jobs of the killed go from those that run to those that wait.
      const counts = () => queue.counts();
      await expect.poll(counts, { timeout: 60_000, interval: 100 }).toEqual({ waiting: 0, running: 0 });
      lines.push(...running.flatMap((program) => program.lines));
      expect(lines.filter((line) => !line.startsWith('took '))).toEqual([]);
      const done = (await readdir(folder)).filter((file) => file.endsWith('.done'));
      expect(done.toSorted()).toEqual(ids.map((id) => `${id}.done`).toSorted());
      await rm(folder, { recursive: true, force: true });
    });
  });
}
