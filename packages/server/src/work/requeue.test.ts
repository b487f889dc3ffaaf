import { expect, it } from 'vitest';
import { apiRoutes } from '../api/routes.ts';
import { createServer } from '../api/server.ts';
import type { JobRecord } from '../records/job-record.ts';
import { startFakeWorker } from '../service/__fixtures__/fake-worker.ts';
import { openTestService, trainingFile, until } from '../service/__fixtures__/test-service.ts';
import { announceEnds } from '../webhooks/announce-ends.ts';
import { removeDeleted } from './remove-deleted.ts';
import { requeueJobs } from './requeue.ts';

async function openWithFile() {
  const opened = await openTestService();
  const client = await opened.client('one');
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const create = async () =>
    (await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id })).id;
  return { ...opened, ...opened.service, jobs: client.fineTuning.jobs, files: client.files, file, create };
}

it('queues what was recorded and is in no queue, once', async () => {
  const { service, queue, create } = await openWithFile();
  const [first, second] = [await create(), await create()];
  // The server died between record and queue.
  await queue.remove(second);
  expect(await requeueJobs(service)).toEqual([second]);
  expect(await requeueJobs(service)).toEqual([]);
  expect(await queue.has(first)).toBe(true);
  const worker = startFakeWorker(service);
  await until(async () => {
    const { waiting, running } = await queue.counts();
    return waiting + running === 0;
  });
  await worker.close();
  expect(await requeueJobs(service)).toEqual([]);
  for (const id of [first, second]) {
    expect(await service.records.get('job', id)).toMatchObject({ status: 'succeeded', attempt: 1 });
  }
});

it.each(['pause', 'cancel', 'resume'] as const)(
  'carries out a %s whose server died in the middle',
  async (wanted) => {
    const { service, queue, records, create } = await openWithFile();
    const id = await create();
    await queue.remove(id);
    const change = (job: JobRecord): JobRecord =>
      wanted === 'resume' ? { ...job, status: 'queued', wanted: 'run' } : { ...job, wanted };
    await records.change('job', id, change);
    const added = await requeueJobs(service);
    const status = { pause: 'paused', cancel: 'cancelled', resume: 'queued' }[wanted];
    expect(await records.get('job', id)).toMatchObject({ status });
    expect(added).toEqual(wanted === 'resume' ? [id] : []);
    expect(await queue.has(id)).toBe(wanted === 'resume');
  },
);

it('leaves alone what is paused, what is over, and what was never recorded', async () => {
  const { service, records, jobs, create } = await openWithFile();
  const [paused, cancelled] = [await create(), await create()];
  await jobs.pause(paused);
  await jobs.cancel(cancelled);
  const now = Math.floor(Date.now() / 1000);
  await records.insert('open-job', { id: 'ftjob-young', tenant: 'one', createdAt: now });
  await records.insert('open-job', { id: 'ftjob-old', tenant: 'one', createdAt: now - 3600 });
  expect(await requeueJobs(service)).toEqual([]);
  await announceEnds(service);
  const open = await records.list('open-job', { limit: 10, order: 'asc' });
  expect(open.items.map(({ id }) => id)).toEqual([paused, 'ftjob-young']);
});

it('keeps to the rules when two servers change one job at once', async () => {
  const { service, client, create, records, queue } = await openWithFile();
  const other = await createServer(service, { routes: apiRoutes });
  const otherAddress = await other.listen({ host: '127.0.0.1', port: 0 });
  const one = await client('one');
  const two = (await client('one')).withOptions({ baseURL: `${otherAddress}/v1` });
  const worker = startFakeWorker(service, { isPatient: true });
  try {
    for (let round = 0; round < 15; round++) {
      const id = await create();
      const changes = ['pause', 'resume', 'cancel', 'pause', 'resume', 'cancel'] as const;
      const at = await Promise.allSettled(
        changes.map((change, index) => (index % 2 === 0 ? one : two).fineTuning.jobs[change](id)),
      );
      for (const result of at) {
        if (result.status === 'rejected')
          expect(result.reason).toMatchObject({ status: 400, code: 'invalid_job_status' });
      }
      // Somebody cancelled it: whatever else was asked for, it ends so, and nobody has it.
      await until(async () => {
        await requeueJobs(service);
        return (await records.get('job', id))?.status === 'cancelled' && !(await queue.has(id));
      });
    }
  } finally {
    await worker.close();
    await other.close();
  }
});

it('takes the file of a job from its owner, and not from the job', async () => {
  const { service, records, storage, files, file, jobs, create } = await openWithFile();
  const id = await create();
  await files.delete(file.id);
  await expect(files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });
  await expect(files.content(file.id)).rejects.toMatchObject({ status: 404 });
  await expect(create()).rejects.toMatchObject({ status: 400, code: 'file_not_found' });
  expect((await files.list()).data).toEqual([]);
  await removeDeleted(service);
  const { key } = (await records.get('file', file.id))!;
  expect(await storage.list('files/')).toEqual([key]);
  await jobs.cancel(id);
  await removeDeleted(service);
  expect(await records.get('file', file.id)).toBeUndefined();
  expect(await storage.list('files/')).toEqual([]);
});
