import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { policyFolder, removePolicyFolders, tinyCheckpoint } from '../policy/__fixtures__/policy-folder.ts';
import { startRedis, whyNoRedis } from '../testing/redis-server.ts';
import { startFakeWorker } from './__fixtures__/fake-worker.ts';
import { trainingFile, trainingText, until } from './__fixtures__/test-service.ts';
import { startService } from './start-service.ts';

afterAll(removePolicyFolders);

if (whyNoRedis !== undefined) console.warn(whyNoRedis);

it.skipIf(whyNoRedis !== undefined)(
  'is one service on two servers: what one does, the other knows',
  async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.remove());
    const folder = await mkdtemp(join(tmpdir(), 'safetune-two-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const { file: policy } = await policyFolder(`models:\n  tiny: {path: ${tinyCheckpoint}}\n`);
    const start = (name: string) =>
      startService({
        ...{ policy, port: 0, redis: redis.url, storage: join(folder, 'storage'), data: join(folder, name) },
        limits: { closeTimeout: 200 },
      });
    const one = await start('one');
    const other = await start('other');
    try {
      expect(other.firstKey).toBeUndefined();
      const [here, there] = [one, other].map(
        ({ address }) => new OpenAI({ apiKey: one.firstKey!, baseURL: `${address}/v1`, maxRetries: 0 }),
      ) as [OpenAI, OpenAI];
      const file = await here.files.create({ file: trainingFile(), purpose: 'fine-tune' });
      expect(await (await there.files.content(file.id)).text()).toBe(trainingText);
      const job = await there.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
      expect(await here.fineTuning.jobs.pause(job.id)).toMatchObject({ status: 'paused' });
      expect(await there.fineTuning.jobs.resume(job.id)).toMatchObject({ status: 'queued' });
      const worker = startFakeWorker(one.service);
      await until(async () => (await there.fineTuning.jobs.retrieve(job.id)).status === 'succeeded');
      await worker.close();
      expect((await there.fineTuning.jobs.listEvents(job.id)).data.map(({ message }) => message)).toContain(
        'Step 3',
      );

      const made = await here.post<{ value: string }>('/organization/keys', {
        body: { tenant: 'two', requests_per_minute: 5 },
      });
      const statuses: number[] = [];
      for (let time = 0; time < 6; time++) {
        const { address } = time % 2 === 0 ? one : other;
        const headers = { authorization: `Bearer ${made.value}` };
        statuses.push((await fetch(`${address}/v1/files`, { headers })).status);
      }
      expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  },
);
