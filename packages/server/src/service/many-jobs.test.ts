/** A hundred jobs of two customers, on two servers and four workers that have a Redis in common, which is started anew in the middle. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import OpenAI from 'openai';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { policyFolder, removePolicyFolders, tinyCheckpoint } from '../policy/__fixtures__/policy-folder.ts';
import { allRecords } from '../records/all-records.ts';
import { finalStatuses, type JobRecord } from '../records/job-record.ts';
import { startRedis, whyNoRedis } from '../testing/redis-server.ts';
import { startWorkers } from '../work/worker-processes.ts';
import { trainingFile } from './__fixtures__/test-service.ts';
import { startService } from './start-service.ts';

afterAll(removePolicyFolders);

if (whyNoRedis !== undefined) console.warn(whyNoRedis);

const ofEach = 50;
const policyText = `models:\n  tiny: {path: ${tinyCheckpoint}}\nlimits: {open_jobs: ${ofEach}}\n`;

it.skipIf(whyNoRedis !== undefined)(
  'a hundred jobs are each done once, in turn between two customers, though Redis is started anew',
  async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.remove());
    const data = await mkdtemp(join(tmpdir(), 'safetune-many-'));
    onTestFinished(() => rm(data, { recursive: true, force: true }));
    const { file: policy } = await policyFolder(policyText);
    const settings = { policy, data, redis: redis.url, storage: join(data, 'storage') };
    const start = () => startService({ ...settings, port: 0, workers: 0, limits: { closeTimeout: 200 } });
    const servers = [await start(), await start()] as const;
    for (const server of servers) onTestFinished(() => server.close());
    const [{ service, firstKey, address }, other] = servers;
    const operator = new OpenAI({ apiKey: firstKey!, baseURL: `${address}/v1` });
    // All of one customer's come before the first of the other's.
    for (const tenant of ['one', 'two']) {
      const { value: apiKey } = await operator.post<{ value: string }>('/organization/keys', {
        body: { tenant },
      });
      const clients = [address, other.address].map((of) => new OpenAI({ apiKey, baseURL: `${of}/v1` }));
      const file = await clients[0]!.files.create({ file: trainingFile(), purpose: 'fine-tune' });
      for (let index = 0; index < ofEach; index += 1)
        await clients[index % 2]!.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
    }
    expect(await service.queue.counts()).toEqual({ waiting: 2 * ofEach, running: 0 });

    const program = new URL('../work/__fixtures__/quick-worker.ts', import.meta.url);
    const workers = startWorkers(4, { program, arguments: [JSON.stringify(settings)] });
    onTestFinished(() => workers.close());
    const marks = async () =>
      (await readFile(join(data, 'marks'), 'utf8').catch(() => ''))
        .split('\n')
        .slice(0, -1)
        .map((line) => line.split(' ') as ['begins' | 'ends', string, string]);
    const ended = async () => (await marks()).filter(([what]) => what === 'ends');
    while ((await ended()).length < 40) await pause(20);
    await redis.stop();
    await pause(300);
    await redis.start();
    const atRestart = (await ended()).length;
    expect(atRestart).toBeLessThan(2 * ofEach);

    const jobs = async () => {
      const all: JobRecord[] = [];
      for await (const job of allRecords(service.records, 'job')) all.push(job);
      return all;
    };
    while (!(await jobs()).every(({ status }) => finalStatuses.has(status))) await pause(100);
    const done = await jobs();
    expect(done).toHaveLength(2 * ofEach);
    expect(new Set(done.map(({ status }) => status))).toEqual(new Set(['succeeded']));
    for (const { id } of done) {
      const { items } = await service.records.events(id, { limit: 100, order: 'asc' });
      expect(items.map(({ message }) => message)).toEqual([
        `Created fine-tuning job: ${id}`,
        'Step 1/1',
        'Gate: nothing is measured',
        'The job has successfully completed',
      ]);
    }
    expect(new Set(done.map(({ fineTunedModel }) => fineTunedModel)).size).toBe(2 * ofEach);
    while ((await service.queue.counts()).running > 0) await pause(20);
    expect(await service.queue.counts()).toEqual({ waiting: 0, running: 0 });

    const seen = await marks();
    const running = new Set<string>();
    for (const [what, id] of seen) {
      if (what === 'ends') running.delete(id);
      else {
        expect(running.has(id), `${id} is run by two`).toBe(false);
        running.add(id);
      }
    }
    const order = new Map((await ended()).map(([, id, tenant]) => [id, tenant]));
    const firstHalf = [...order.values()].slice(0, ofEach).filter((tenant) => tenant === 'one').length;
    expect(firstHalf).toBeGreaterThanOrEqual(20);
    expect(firstHalf).toBeLessThanOrEqual(30);
  },
);
