/** What a customer with a key may think of against policy, tenants and quotas; docs/service-threat-model.md names these tests. */
import { Readable } from 'node:stream';
import OpenAI from 'openai';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { policyFolder, removePolicyFolders, tinyCheckpoint } from '../policy/__fixtures__/policy-folder.ts';
import { startFakeWorker } from '../service/__fixtures__/fake-worker.ts';
import { openTestService, trainingFile, until } from '../service/__fixtures__/test-service.ts';
import { startService } from '../service/start-service.ts';

afterAll(removePolicyFolders);

/** A service where tenant `one` has a finished job, its model and its events. */
async function openWithModel() {
  const opened = await openTestService();
  const [one, two] = await Promise.all(['one', 'two'].map((tenant) => opened.client(tenant)));
  const worker = startFakeWorker(opened.service);
  const file = await one!.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const { id } = await one!.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  await until(async () => (await one!.fineTuning.jobs.retrieve(id)).status === 'succeeded');
  await worker.close();
  const job = await one!.fineTuning.jobs.retrieve(id);
  return { ...opened, one: one!, two: two!, job, file, model: job.fine_tuned_model! };
}

const messages = [{ role: 'user' as const, content: 'hello' }];

it('has no name of a model answer that is not released, or not the tenant’s', async () => {
  const { one, two, job, model, service } = await openWithModel();
  const statusOf = (client: OpenAI, name: string) =>
    client.chat.completions.create({ model: name, messages }).then(
      () => 200,
      (error: InstanceType<typeof OpenAI.APIError>) => error.status,
    );
  const { data: checkpoints } = await one.fineTuning.jobs.checkpoints.list(job.id);
  const { key } = (await service.records.get('model', model))!;
  const names = [
    ...checkpoints.map((checkpoint) => checkpoint.fine_tuned_model_checkpoint),
    ...[`${model} `, ` ${model}`, `${model}\u0000`, `${model}\n`, model.toUpperCase(), `${model}:`],
    ...[
      model.replace(':one:', ':two:'),
      key,
      `../${key}`,
      `tiny/../${key}`,
      job.id,
      '__proto__',
      'constructor',
    ],
  ];
  expect(names.length).toBeGreaterThan(13);
  for (const name of names) expect([name, await statusOf(one, name)]).toEqual([name, 404]);
  expect(await statusOf(two, model)).toBe(404);
  for (const [status, answer] of [
    ['quarantined', 403],
    ['refused', 403],
    ['released', 200],
  ] as const) {
    await service.records.change('model', model, (record) => ({ ...record, status }));
    expect(await statusOf(one, model)).toBe(answer);
    expect(await statusOf(two, model)).toBe(404);
  }
  await one.models.delete(model);
  expect(await statusOf(one, model)).toBe(404);
  expect(service.chat.calls).toHaveLength(1);
});

it('takes no cursor of another tenant’s, in lists and in streams', async () => {
  const { one, two, job, file, key, fetch } = await openWithModel();
  const events = await one.fineTuning.jobs.listEvents(job.id, { limit: 100 });
  const own = await two.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const other = await two.fineTuning.jobs.create({ model: 'tiny', training_file: own.id });
  expect((await two.files.list({ after: file.id, order: 'asc' })).data).toEqual([]);
  expect((await two.fineTuning.jobs.list({ after: job.id })).data).toEqual([]);
  for (const { id } of events.data)
    expect((await two.fineTuning.jobs.listEvents(other.id, { after: id })).data).toEqual([]);
  await two.fineTuning.jobs.cancel(other.id);
  const path = `/v1/fine_tuning/jobs/${other.id}/events?stream=true&after=${events.data[0]!.id}`;
  const text = await (await fetch(path, await key('two'))).text();
  expect(text).toContain(other.id);
  expect(text).not.toContain(job.id.slice('ftjob-'.length));
  await expect(two.fineTuning.jobs.create({ model: 'tiny', training_file: file.id })).rejects.toMatchObject({
    ...{ status: 400, code: 'file_not_found' },
  });
  await expect(
    two.fineTuning.jobs.create({ model: 'tiny', training_file: own.id, validation_file: file.id }),
  ).rejects.toMatchObject({ status: 400, param: 'validation_file' });
});

it.each([
  ['a suffix of paths', { suffix: '../../etc' }, 'suffix'],
  ['a suffix of lines', { suffix: 'a\r\nx-admin: 1' }, 'suffix'],
  ['a suffix that is another tenant’s name', { suffix: 'x:two:y' }, 'suffix'],
  [
    'metadata of many',
    { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [n, ''])) },
    'metadata',
  ],
  ['metadata of objects', { metadata: { safeguards: [] } }, 'metadata.safeguards'],
  [
    'a safeguard that is a module',
    { safeguards: [{ type: './mine.ts', strength: 1 }] },
    'safeguards[0].type',
  ],
  [
    'a safeguard with options',
    { safeguards: [{ type: 'kl', strength: 1, anchors: '/x' }] },
    'safeguards[0].anchors',
  ],
  ['a weaker safeguard', { safeguards: [{ type: 'kl', strength: 0.01 }] }, 'safeguards[0].strength'],
  ['another learning rate', { hyperparameters: { learning_rate: 1 } }, 'hyperparameters.learning_rate'],
  ['an integration', { integrations: [{ type: 'wandb', wandb: { project: 'x' } }] }, 'integrations'],
])('makes no job of %s', async (_name, options, param) => {
  const opened = await openTestService(
    'safeguards: {mandatory: [{type: kl, weight: 0.1}], optional: [{safeguard: {type: kl}, up_to: 1}]}',
  );
  const client = await opened.client('one');
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const request = { model: 'tiny', training_file: file.id, ...options };
  await expect(client.fineTuning.jobs.create(request as never)).rejects.toMatchObject({ status: 400, param });
  expect((await client.fineTuning.jobs.list()).data).toEqual([]);
});

it('changes nothing of a job by its metadata, its suffix, or headers that other servers obey', async () => {
  const opened = await openTestService('safeguards: {mandatory: [{type: kl, weight: 0.1}]}');
  const client = await opened.client('one');
  const file = await client.files.create({ file: trainingFile('kl=0.jsonl'), purpose: 'fine-tune' });
  const request = {
    ...{ model: 'tiny', training_file: file.id, suffix: '--no-safeguards' },
    metadata: { tenant: 'two', safeguards: '[]', wanted: 'run', status: 'succeeded', constructor: 'x' },
  };
  const headers = {
    ...{ 'x-http-method-override': 'DELETE', 'x-forwarded-for': '10.0.0.1', 'x-request-id': 'mine' },
    ...{ 'openai-organization': 'two', 'x-original-url': '/metrics', 'x-tenant': 'two' },
  };
  const { data: job, response } = await client.fineTuning.jobs.create(request, { headers }).withResponse();
  expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/);
  expect(job).toMatchObject({
    ...{ organization_id: 'one', status: 'queued', metadata: request.metadata },
    safeguards: [{ type: 'kl', strength: 0.1, by: 'policy' }],
  });
  const two = await opened.client('two');
  expect((await two.fineTuning.jobs.list({ metadata: { tenant: 'two' } })).data).toEqual([]);
});

it('has a job keep its plan through a pause, whatever the policy says when it goes on', async () => {
  const model = `models:\n  tiny: {path: ${tinyCheckpoint}}\n`;
  const strict = await policyFolder(`${model}safeguards: {mandatory: [{type: kl, weight: 0.1}]}\n`);
  const open = await policyFolder(model);
  const given = { data: `${strict.folder}/data`, port: 0, workers: 0, limits: { closeTimeout: 100 } };
  const first = await startService({ ...given, policy: strict.file });
  const clientOf = ({ address }: { readonly address: string }) =>
    new OpenAI({ apiKey: first.firstKey!, baseURL: `${address}/v1`, maxRetries: 0 });
  const client = clientOf(first);
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const { id } = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  await client.fineTuning.jobs.pause(id);
  const planned = (await first.service.records.get('job', id))!.plan;
  await first.close();
  const second = await startService({ ...given, policy: open.file });
  onTestFinished(() => second.close());
  const resumed = await clientOf(second).fineTuning.jobs.resume(id);
  expect(resumed).toMatchObject({ safeguards: [{ type: 'kl', strength: 0.1, by: 'policy' }] });
  expect((await second.service.records.get('job', id))!.plan).toEqual(planned);
});

it('ends the streams of a key that was revoked, or is over', async () => {
  const { client: clientOf, key, fetch, service } = await openTestService();
  const client = await clientOf('one');
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const { id } = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  const open = async (end: (keyId: string) => Promise<unknown>) => {
    const value = await key('one');
    const stream = await fetch(`/v1/fine_tuning/jobs/${id}/events?stream=true`, value);
    await end(`key-${value.split('-')[2]}`);
    return stream.text();
  };
  const { records } = service;
  const texts = await Promise.all([
    open((keyId) => records.remove('key', keyId)),
    open((keyId) => records.change('key', keyId, (record) => ({ ...record, expiresAt: 1 }))),
  ]);
  for (const text of texts) expect(text.trim().split('\n\n').at(-1)).toBe('data: [DONE]');
  expect((await client.fineTuning.jobs.retrieve(id)).status).toBe('queued');
});

it('bounds the uploads of a tenant that are under way, with all its keys', async () => {
  const { key, fetch } = await openTestService();
  const leave = new AbortController();
  let begun = 0;
  const upload = (value: string) => {
    async function* slow() {
      yield '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n{';
      begun += 1;
      await new Promise((resolve) => leave.signal.addEventListener('abort', resolve));
    }
    return fetch('/v1/files', value, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      body: Readable.toWeb(Readable.from(slow(), { objectMode: false })) as ReadableStream,
      signal: leave.signal,
      duplex: 'half',
    } as RequestInit);
  };
  const keys = await Promise.all(['one', 'one', 'two'].map((tenant) => key(tenant)));
  const held = Array.from({ length: 8 }, (_, index) => upload(keys[index % 2]!).catch(() => undefined));
  await until(() => begun === 8);
  const form = () => {
    const body = new FormData();
    body.set('purpose', 'fine-tune');
    body.set('file', trainingFile());
    return { method: 'POST', body };
  };
  await until(async () => (await fetch('/v1/files', keys[0], form())).status === 429);
  const refused = await fetch('/v1/files', keys[1], form());
  expect(refused.headers.get('retry-after')).toBe('2');
  expect(await refused.json()).toMatchObject({ error: { code: 'too_many_at_once' } });
  expect((await fetch('/v1/files', keys[2], form())).status).toBe(200);
  leave.abort();
  await Promise.all(held);
  await until(async () => (await fetch('/v1/files', keys[0], form())).status === 200);
});

it('bounds webhooks, chats and looks into files of one tenant, also at once', async () => {
  const { client: clientOf, service } = await openTestService();
  const [one, two] = await Promise.all(['one', 'two'].map((tenant) => clientOf(tenant)));
  const webhook = { name: 'x', url: 'https://example.com/', event_types: ['fine_tuning.job.succeeded'] };
  const made = await Promise.allSettled(
    Array.from({ length: 20 }, () => one!.post('/webhook_endpoints', { body: webhook })),
  );
  expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);

  const endless = [{ role: 'user' as const, content: 'endless' }];
  const leave = new AbortController();
  const chats = Array.from({ length: 12 }, () =>
    one!.chat.completions
      .create({ model: 'tiny', messages: endless }, { signal: leave.signal })
      .catch(() => undefined),
  );
  await until(() => service.chat.open() === 12);
  const more = one!.chat.completions.create({ model: 'tiny', messages });
  await expect(more).rejects.toMatchObject({ status: 429, code: 'too_many_at_once' });
  expect((await two!.chat.completions.create({ model: 'tiny', messages })).choices).toHaveLength(1);
  leave.abort();
  await Promise.all(chats);
  await until(() => service.chat.open() === 0);
  expect((await one!.chat.completions.create({ model: 'tiny', messages })).choices).toHaveLength(1);

  const previews = async (client: OpenAI) => {
    const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
    const body = { model: 'tiny', training_file: file.id };
    return () =>
      Promise.allSettled(Array.from({ length: 3 }, () => client.post('/fine_tuning/preview', { body })));
  };
  const [ofOne, ofTwo] = await Promise.all([previews(one!), previews(two!)]);
  for (const answered of await Promise.all([ofOne(), ofTwo()])) {
    expect(answered.some(({ status }) => status === 'fulfilled')).toBe(true);
    for (const answer of answered)
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'too_many_inspections' });
  }
});
