import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { sampleJob } from '../records/testing/sample-records.ts';
import { openTestService } from '../service/__fixtures__/test-service.ts';
import { clearJob } from './clear-job.ts';
import { answersKey, jobPrefix, modelId, modelKey } from './job-names.ts';

it('keeps what a record names of a job, and nothing else', async () => {
  const { service } = await openTestService();
  const { records, storage } = service;
  const put = async (key: string) => void (await storage.put(key, Readable.from(['x'])));
  const [dead, alive] = [sampleJob({ id: 'ftjob-dead' }), sampleJob({ id: 'ftjob-alive' })];
  for (const job of [dead, alive]) {
    await put(`${jobPrefix(job.id)}1/0/note.json`);
    await put(`${modelKey(job)}/manifest.json`);
    await put(answersKey(job.id));
  }
  await records.insert('model', {
    ...{ id: modelId(alive), tenant: 'acme', createdAt: 1, jobId: alive.id, base: 'tiny' },
    ...{ status: 'quarantined', key: modelKey(alive) },
  });
  await clearJob(service, dead);
  await clearJob(service, alive);
  await clearJob(service, alive);
  expect(await storage.list('')).toEqual([`${modelKey(alive)}/manifest.json`, answersKey(alive.id)]);
});
