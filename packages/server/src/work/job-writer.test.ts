/** A worker that dies between two writes leaves the rest to the next one, which writes nothing twice. */
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { JobRecord } from '../records/job-record.ts';
import type { Records } from '../records/records.ts';
import { type JobWorld, openJobWorld } from './__fixtures__/job-world.ts';
import type { JobMessage } from './job-message.ts';
import { modelKey, resultFileId } from './job-names.ts';
import { JobLostError, JobWriter } from './job-writer.ts';
import { takeJob } from './take-job.ts';

let world: JobWorld;
beforeEach(async () => {
  world = await openJobWorld();
});
afterEach(() => world.close());

/** Records that fail from the write of this number on, as a process that is killed writes nothing more. */
function dyingRecords(records: Records, writes: number): Records {
  let left = writes;
  const write = <Method extends (...given: never[]) => Promise<unknown>>(method: Method) =>
    (async (...given: never[]) => {
      if (left === 0) throw new Error('killed');
      left -= 1;
      return method.apply(records, given);
    }) as unknown as Method;
  return {
    get: records.get.bind(records),
    list: records.list.bind(records),
    events: records.events.bind(records),
    close: records.close.bind(records),
    insert: write(records.insert),
    change: write(records.change),
    remove: write(records.remove),
    appendEvent: write(records.appendEvent),
  };
}

async function take(id: string, worker: string) {
  const taken = await takeJob(world.service, id, worker);
  if (taken.type !== 'run') throw new Error(`it is to be ${taken.type}`);
  return taken.job;
}

/** What the process of a job tells at its end, in one attempt. */
function lastMessages({ id, attempt }: { readonly id: string; readonly attempt: number }) {
  const event = (message: string, step?: number) => ({
    type: 'event' as const,
    event: {
      ...{ level: 'info' as const, message },
      ...(step === undefined
        ? { type: 'message' as const, data: null }
        : { type: 'metrics' as const, data: { step } }),
    },
  });
  const file = (kind: string) => ({
    ...{ id: resultFileId(id, kind), filename: `${kind}.json`, bytes: 1, sha256: 'a'.repeat(64) },
    key: `files/${resultFileId(id, kind)}-${attempt}`,
  });
  const gate = { outcome: 'released', measurements: [], reason: 'nothing was found', report: null } as const;
  const model = {
    id: `ft:tiny:one::${id}`,
    jobId: id,
    base: 'tiny',
    status: 'released',
    key: modelKey({ id, attempt }),
  } as const;
  return [
    event('Training has started'),
    event('Step 1', 1),
    event('Step 2', 2),
    {
      type: 'state',
      state: { key: `jobs/${id}/${attempt}/2`, step: 2 },
      checkpoints: [{ id: `ftckpt_${id}-2`, step: 2, metrics: {} }],
    },
    { type: 'result-file', file: file('results') },
    { type: 'result-file', file: file('gate') },
    { type: 'finished', gate, model, trainedTokens: 9 },
  ] satisfies JobMessage[];
}

it('whatever write was the last one', async () => {
  const { records } = world.service;
  for (let writes = 0; writes < 14; writes += 1) {
    const { id } = await world.createJob({ training_file: 'file-none' });
    const first = await take(id, 'first');
    const dying = new JobWriter({ ...world.service, records: dyingRecords(records, writes) }, first);
    const store = (job: JobRecord) =>
      world.service.storage.put(`${modelKey(job)}/manifest.json`, Readable.from(['{}']));
    await store(first);
    const died = await (async () => {
      for (const message of lastMessages(first)) await dying.take(message);
    })().catch((error: Error) => error.message);
    if (died === undefined) expect(writes).toBe(12);
    if (died === undefined) break;
    expect(died).toBe('killed');
    const second = await take(id, 'second');
    await store(second);
    const writer = new JobWriter(world.service, second);
    await writer.open();
    for (const message of lastMessages(second)) await writer.take(message);
    const job = await world.job(id);
    expect(job).toMatchObject({
      status: 'succeeded',
      attempt: 2,
      fineTunedModel: `ft:tiny:one::${id}`,
      trainedTokens: 9,
    });
    expect(job.resultFiles).toEqual([resultFileId(id, 'results'), resultFileId(id, 'gate')]);
    expect(job.checkpoints.map(({ step }) => step)).toEqual([2]);
    expect((await world.events(id)).map(({ message }) => message)).toEqual([
      'Training has started',
      'Step 1',
      'Step 2',
      'Gate: nothing was found',
      'The job has successfully completed',
    ]);
    expect((await records.get('model', job.fineTunedModel!))?.key).toBe(modelKey({ id, attempt: 2 }));
    expect(await world.service.storage.list(`models/${id}/`)).toEqual([`models/${id}/2/manifest.json`]);
    expect((await records.get('file', job.resultFiles[0]!))?.key).toMatch(/-2$/);
  }
  expect(await records.list('model', { limit: 100, order: 'asc' }).then(({ items }) => items.length)).toBe(
    13,
  );
});

it('one that was believed dead changes nothing any more, nor a job that is over', async () => {
  const { id } = await world.createJob({ training_file: 'file-none' });
  const first = await take(id, 'first');
  const late = new JobWriter(world.service, first);
  const second = await take(id, 'second');
  expect(second).toMatchObject({ attempt: 2, abandoned: 1 });
  for (const message of lastMessages(first)) await expect(late.take(message)).rejects.toThrow(JobLostError);
  expect(await world.job(id)).toEqual(second);
  expect(await world.events(id)).toEqual([]);
  expect((await world.service.records.list('model', { limit: 9, order: 'asc' })).items).toEqual([]);
  const writer = new JobWriter(world.service, second);
  for (const message of lastMessages(second)) await writer.take(message);
  const over = await world.job(id);
  await expect(writer.fail({ code: 'x', message: 'y', param: null })).rejects.toThrow(JobLostError);
  expect(await world.job(id)).toEqual(over);
});

it('a job whose workers die one after another is given up', async () => {
  const { id } = await world.createJob({ training_file: 'file-none' });
  for (let worker = 1; worker <= 10; worker += 1)
    expect((await takeJob(world.service, id, `worker-${worker}`)).type).toBe('run');
  expect(await takeJob(world.service, id, 'worker-11')).toMatchObject({
    type: 'give-up',
    job: { abandoned: 10 },
  });
});
