/** What bounds probing the gate, in both kinds of records, on two servers that are one service. */
import type OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { sampleJob } from '../../records/testing/sample-records.ts';
import { unixTime } from '../../records/unix-time.ts';
import { startFakeWorker } from '../../service/__fixtures__/fake-worker.ts';
import { trainingFile, until } from '../../service/__fixtures__/test-service.ts';
import { openTwoServers, recordKinds, type TwoServers } from '../../service/__fixtures__/two-servers.ts';

const day = 24 * 3600;

async function uploaded(client: OpenAI) {
  const { id } = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  return { model: 'tiny', training_file: id };
}

/** Has a tenant's jobs done, and the gate say so of each. */
async function doJobs(
  { service }: TwoServers,
  client: OpenAI,
  outcomes: readonly ('released' | 'quarantined' | 'refused')[],
) {
  const request = await uploaded(client);
  const models: string[] = [];
  for (const outcome of outcomes) {
    const { id } = await client.fineTuning.jobs.create(request);
    const worker = startFakeWorker(service, { outcome });
    await until(async () => (await client.fineTuning.jobs.retrieve(id)).status === 'succeeded');
    await worker.close();
    models.push((await client.fineTuning.jobs.retrieve(id)).fine_tuned_model!);
  }
  return { request, models };
}

describe.each(recordKinds)('with records in %s', (kind) => {
  it('no more jobs are made within a day than may be, also at once on two servers', async () => {
    const two = await openTwoServers(kind, 'limits: {jobs_per_day: 4}');
    const [here, there] = await two.clients('one');
    const request = await uploaded(here);
    const before = unixTime();
    const made = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => (index % 2 ? here : there).fineTuning.jobs.create(request)),
    );
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
    const jobs = await there.fineTuning.jobs.list();
    expect(jobs.data).toHaveLength(4);
    for (const { id } of jobs.data) await here.fineTuning.jobs.cancel(id);
    const refused = (await there.fineTuning.jobs.create(request).catch((error) => error)) as InstanceType<
      typeof OpenAI.APIError
    >;
    expect(refused).toMatchObject({
      ...{ status: 429, type: 'rate_limit_error', code: 'daily_job_quota_exceeded' },
    });
    const [told] = /\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(refused.message)!;
    const next = Date.parse(told) / 1000;
    expect(next).toBe(Math.min(...jobs.data.map((job) => job.created_at)) + day);
    const seconds = Number(refused.headers!.get('retry-after'));
    expect(seconds).toBeLessThanOrEqual(next - before);
    expect(seconds).toBeGreaterThan(day - 600);
    // Another tenant has its own day.
    const [other] = await two.clients('two');
    expect(await other.fineTuning.jobs.create(await uploaded(other))).toMatchObject({ status: 'queued' });
  });

  it('a day slides: what is older makes room, one after another', async () => {
    const two = await openTwoServers(kind, 'limits: {jobs_per_day: 2}');
    const [here] = await two.clients('one');
    const now = unixTime();
    // A clock that was wrong by some minutes hides nothing behind it.
    for (const [index, age] of [3 * day, day - 5000, day + 600, day - 100].entries())
      await two.service.records.insert(
        'job',
        sampleJob({ id: `ftjob-${index}`, tenant: 'one', status: 'cancelled', createdAt: now - age }),
      );
    const request = await uploaded(here);
    const refused = await here.fineTuning.jobs.create(request).catch((error) => error);
    expect(refused).toMatchObject({ status: 429 });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(5000);
    await two.service.records.change('job', 'ftjob-3', (job) => ({ ...job, createdAt: now - day }));
    expect(await here.fineTuning.jobs.create(request)).toMatchObject({ status: 'queued' });
  });

  it('who has too many models held back makes no jobs until an operator has looked', async () => {
    const two = await openTwoServers(kind, 'limits: {held_back_models: 2, held_back_days: 7}');
    const [here, there] = await two.clients('one');
    const { request, models } = await doJobs(two, here, ['quarantined', 'released', 'refused']);
    const refused = {
      ...{ status: 403, type: 'permission_error', code: 'models_held_back' },
      message: expect.stringContaining('held back 2 of your models within 7 days'),
    };
    await expect(there.fineTuning.jobs.create(request)).rejects.toMatchObject(refused);
    // Neither by deleting models nor by another key.
    for (const model of models) await here.models.delete(model);
    const [again] = await two.clients('one');
    await expect(again.fineTuning.jobs.create(request)).rejects.toMatchObject(refused);
    expect((await here.fineTuning.jobs.list()).data).toHaveLength(3);
    const [other] = await two.clients('two');
    expect(await other.fineTuning.jobs.create(await uploaded(other))).toMatchObject({ status: 'queued' });

    const [, , third] = models;
    expect(await two.operator.get('/service/tenants')).toEqual({
      object: 'list',
      data: [
        {
          ...{ id: 'one', object: 'service.tenant', may_create_jobs: false },
          held_back_models: [
            expect.objectContaining({ model: third, outcome: 'refused' }),
            expect.objectContaining({ model: models[0], outcome: 'quarantined' }),
          ],
        },
      ],
    });
    const body = { reason: 'they asked first' };
    expect(await two.operator.post('/service/tenants/one/readmit', { body })).toEqual({
      ...{ id: 'one', object: 'service.tenant', may_create_jobs: true, held_back_models: [] },
    });
    expect(await there.fineTuning.jobs.create(request)).toMatchObject({ status: 'queued' });
    const { items } = await two.service.records.list('held-back', { limit: 9, order: 'asc' });
    expect(items.map(({ seen }) => seen?.reason)).toEqual(['they asked first', 'they asked first']);
  });

  it('a model that an operator releases counts no more, one that they refuse does, and none for ever', async () => {
    const two = await openTwoServers(kind, 'limits: {held_back_models: 2}');
    const [here] = await two.clients('one');
    const { request, models } = await doJobs(two, here, ['quarantined', 'quarantined']);
    const decide = (model: string, how: string) =>
      two.operator.post(`/fine_tuning/models/${encodeURIComponent(model)}/${how}`, { body: {} });
    await decide(models[0]!, 'refuse');
    await expect(here.fineTuning.jobs.create(request)).rejects.toMatchObject({ code: 'models_held_back' });
    await decide(models[1]!, 'release');
    await here.models.delete(models[1]!);
    const { models: more } = await doJobs(two, here, ['quarantined']);
    await expect(here.fineTuning.jobs.create(request)).rejects.toMatchObject({ code: 'models_held_back' });
    const { jobId } = (await two.service.records.get('model', more[0]!))!;
    const month = unixTime() - 30 * day;
    await two.service.records.change('held-back', jobId, (model) => ({ ...model, createdAt: month }));
    expect(await here.fineTuning.jobs.create(request)).toMatchObject({ status: 'queued' });
  });
});
