import OpenAI from 'openai';
import { expect, it } from 'vitest';
import { startFakeWorker } from '../service/__fixtures__/fake-worker.ts';
import { openTestService, trainingFile, trainingText, until } from '../service/__fixtures__/test-service.ts';

// The official client, as it is.

it('uploads, lists, downloads and deletes files', async () => {
  const { client: clientOf, service } = await openTestService();
  const client = await clientOf('one');
  const ids: string[] = [];
  for (let index = 0; index < 5; index++) {
    const file = await client.files.create({ file: trainingFile(`${index}.jsonl`), purpose: 'fine-tune' });
    expect(file).toMatchObject({
      object: 'file',
      filename: `${index}.jsonl`,
      bytes: trainingText.length,
      purpose: 'fine-tune',
      status: 'processed',
    });
    ids.push(file.id);
  }
  const listed: string[] = [];
  for await (const file of client.files.list({ limit: 2 })) listed.push(file.id);
  expect(listed).toEqual(ids.toReversed());
  const oldest = await client.files.list({ limit: 1, order: 'asc', after: ids[1]! });
  expect(oldest.data.map(({ id }) => id)).toEqual([ids[2]]);
  expect((await client.files.list({ purpose: 'fine-tune-results' })).data).toEqual([]);
  expect(await client.files.retrieve(ids[0]!)).toMatchObject({ id: ids[0], filename: '0.jsonl' });
  expect(await (await client.files.content(ids[0]!)).text()).toBe(trainingText);
  expect(await client.files.delete(ids[0]!)).toEqual({ id: ids[0], object: 'file', deleted: true });
  await expect(client.files.retrieve(ids[0]!)).rejects.toThrow(OpenAI.NotFoundError);
  await expect(client.files.delete(ids[0]!)).rejects.toThrow(OpenAI.NotFoundError);
  expect(await service.records.get('file', ids[0]!)).toBeUndefined();
  expect(await service.storage.list('files/')).toHaveLength(4);
  const results = client.files.create({ file: trainingFile(), purpose: 'batch' });
  await expect(results).rejects.toMatchObject({ status: 400, param: 'purpose', code: 'invalid_value' });
  expect(await service.storage.list('files/')).toHaveLength(4);
});

it.each(['asc', 'desc'] as const)('lists and deletes at the same time (%s)', async (order) => {
  const { client: clientOf, service } = await openTestService();
  const client = await clientOf('one');
  const other = await clientOf('two');
  await other.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  for (let index = 0; index < 5; index++)
    await client.files.create({ file: trainingFile(`${index}.jsonl`), purpose: 'fine-tune' });
  const names: string[] = [];
  for await (const file of client.files.list({ limit: 2, order })) {
    names.push(file.filename);
    await client.files.delete(file.id);
    // Nobody learns from a cursor what was another's.
    expect((await other.files.list({ after: file.id, order })).data).toEqual([]);
  }
  const all = ['0.jsonl', '1.jsonl', '2.jsonl', '3.jsonl', '4.jsonl'];
  expect(names).toEqual(order === 'asc' ? all : all.toReversed());
  expect((await client.files.list()).data).toEqual([]);
  expect(await service.storage.list('files/')).toHaveLength(1);
});

it('drives a job to its model, and the model through an answer to its end', async () => {
  const { client: clientOf, service } = await openTestService();
  const client = await clientOf('one');
  const worker = startFakeWorker(service);
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const created = await client.fineTuning.jobs.create({
    model: 'tiny',
    training_file: file.id,
    suffix: 'mine',
    seed: 7,
    metadata: { team: 'a', note: '' },
    method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 2, batch_size: 'auto' } } },
  });
  expect(created).toMatchObject({
    object: 'fine_tuning.job',
    model: 'tiny',
    organization_id: 'one',
    training_file: file.id,
    validation_file: null,
    seed: 7,
    error: null,
    hyperparameters: { n_epochs: 2, batch_size: 8, learning_rate_multiplier: 1 },
    metadata: { team: 'a', note: '' },
    method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 2 } } },
    safeguards: [],
  });
  const done = async () => (await client.fineTuning.jobs.retrieve(created.id)).status === 'succeeded';
  await until(done);
  await worker.close();
  const job = await client.fineTuning.jobs.retrieve(created.id);
  expect(job).toMatchObject({ trained_tokens: 100, result_files: [expect.stringMatching(/^file-/)] });
  expect(await (await client.files.content(job.result_files[0]!)).text()).toContain('train_loss');

  const events: string[] = [];
  for await (const event of client.fineTuning.jobs.listEvents(job.id, { limit: 2 }))
    events.push(event.message);
  expect(events.toReversed()).toEqual([
    `Created fine-tuning job: ${job.id}`,
    ...['The job runs.', 'Step 1', 'Step 2', 'Step 3', 'The job is done.'],
  ]);
  const steps: number[] = [];
  for await (const one of client.fineTuning.jobs.checkpoints.list(job.id, { limit: 2 }))
    steps.push(one.step_number);
  expect(steps).toEqual([3, 2, 1]);

  const name = job.fine_tuned_model!;
  expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['tiny', name]);
  expect(await client.models.retrieve(name)).toMatchObject({ id: name, object: 'model', owned_by: 'one' });
  const answer = await client.chat.completions.create({
    model: name,
    messages: [{ role: 'user', content: 'Say this back' }],
  });
  expect(answer.choices[0]!.message).toEqual({ role: 'assistant', content: 'Say this back', refusal: null });
  expect(service.chat.calls[0]).toMatchObject({
    base: 'tiny',
    adapter: expect.stringMatching(/^models\/ft-/),
  });
  expect(await client.models.delete(name)).toEqual({ id: name, object: 'model', deleted: true });
  await expect(client.models.retrieve(name)).rejects.toThrow(OpenAI.NotFoundError);
  expect(service.chat.forgotten).toEqual([service.chat.calls[0]!.adapter]);
  expect(await service.storage.list('models/')).toEqual([]);
});

it('lists jobs with cursors and by metadata', async () => {
  const { client: clientOf } = await openTestService('limits: {open_jobs: 10}');
  const client = await clientOf('one');
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const ids: string[] = [];
  for (const metadata of [{ k: 'a' }, { k: 'b' }, null, { k: 'a', l: '' }]) {
    const job = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id, metadata });
    ids.push(job.id);
  }
  const idsOf = async (query: OpenAI.FineTuning.JobListParams) => {
    const found: string[] = [];
    for await (const job of client.fineTuning.jobs.list(query)) found.push(job.id);
    return found;
  };
  expect(await idsOf({ limit: 1 })).toEqual(ids.toReversed());
  expect(await idsOf({ metadata: { k: 'a' }, limit: 1 })).toEqual([ids[3], ids[0]]);
  expect(await idsOf({ metadata: { k: 'a', l: '' } })).toEqual([ids[3]]);
  expect(await idsOf({ metadata: { toString: 'a' } })).toEqual([]);
  const without = await client.get<{ data: { id: string }[] }>('/fine_tuning/jobs?metadata=null', {});
  expect(without.data.map(({ id }) => id)).toEqual([ids[2]]);
  const page = await client.fineTuning.jobs.list({ limit: 2, after: ids[3]! });
  expect(page.data.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
  expect(page.has_more).toBe(true);
});

it('pauses, resumes and cancels jobs that wait and jobs that run', async () => {
  const { client: clientOf, service } = await openTestService();
  const { fineTuning, files } = await clientOf('one');
  const { jobs } = fineTuning;
  const file = await files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const create = () => jobs.create({ model: 'tiny', training_file: file.id });
  const waiting = await create();
  expect(await jobs.pause(waiting.id)).toMatchObject({ status: 'paused' });
  await expect(jobs.pause(waiting.id)).rejects.toMatchObject({ status: 400, code: 'invalid_job_status' });
  expect(await service.queue.has(waiting.id)).toBe(false);
  expect(await jobs.resume(waiting.id)).toMatchObject({ status: 'queued' });
  await expect(jobs.resume(waiting.id)).rejects.toMatchObject({ status: 400, code: 'invalid_job_status' });
  expect(await service.queue.has(waiting.id)).toBe(true);
  expect(await jobs.cancel(waiting.id)).toMatchObject({
    status: 'cancelled',
    finished_at: expect.any(Number),
  });
  for (const change of [jobs.cancel, jobs.pause, jobs.resume]) {
    const again = change.call(jobs, waiting.id);
    await expect(again).rejects.toMatchObject({ status: 400, code: 'invalid_job_status' });
  }

  const worker = startFakeWorker(service, { isPatient: true });
  const running = await create();
  const statusOf = async () => (await jobs.retrieve(running.id)).status as string;
  await until(async () => (await statusOf()) === 'running');
  await jobs.pause(running.id);
  await until(async () => (await statusOf()) === 'paused');
  expect(await jobs.resume(running.id)).toMatchObject({ status: 'queued' });
  await until(async () => (await statusOf()) === 'running');
  await jobs.cancel(running.id);
  await until(async () => (await statusOf()) === 'cancelled');
  await worker.close();
});

it('streams answers, and tells log-probabilities', async () => {
  const { client: clientOf, service } = await openTestService();
  const client = await clientOf('one');
  const ask = { model: 'tiny', messages: [{ role: 'user' as const, content: 'One two three' }] };
  const stream = await client.chat.completions.create({
    ...ask,
    ...{ stream: true, logprobs: true, top_logprobs: 2, stream_options: { include_usage: true } },
  });
  let text = '';
  const logprobs: number[] = [];
  let usage: OpenAI.CompletionUsage | null | undefined;
  let reason: string | null = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    for (const token of chunk.choices[0]?.logprobs?.content ?? []) {
      logprobs.push(token.logprob);
      expect(token.top_logprobs.map(({ logprob }) => logprob)).toEqual([-9999, -9999]);
    }
    reason ??= chunk.choices[0]?.finish_reason ?? null;
    usage = chunk.usage;
  }
  expect(text).toBe('One two three');
  expect(logprobs).toEqual([-0.5, -0.5, -0.5]);
  expect(reason).toBe('stop');
  expect(usage).toEqual({ prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 });

  await client.chat.completions.create({
    ...ask,
    ...{ temperature: 0, top_p: 0.5, seed: -1, stop: 'end', max_completion_tokens: 9, n: 1, user: 'me' },
  });
  expect(service.chat.calls.at(-1)).toMatchObject({
    ...{ base: 'tiny', temperature: 0, topP: 0.5, seed: 2 ** 31 - 1, stop: ['end'], maxTokens: 9 },
  });
  expect(service.chat.calls.at(-1)).not.toHaveProperty('topLogProbabilities');
});

it('ends the generation of an answer whose reader leaves', async () => {
  const { client: clientOf, service } = await openTestService();
  const client = await clientOf('one');
  const messages = [{ role: 'user' as const, content: 'endless' }];
  const stream = await client.chat.completions.create({ model: 'tiny', messages, stream: true });
  for await (const chunk of stream) {
    expect(chunk.object).toBe('chat.completion.chunk');
    if (chunk.choices[0]?.delta.content) break;
  }
  await until(() => service.chat.open() === 0);
  const whole = new AbortController();
  const asked = client.chat.completions.create({ model: 'tiny', messages }, { signal: whole.signal });
  await until(() => service.chat.open() === 1);
  whole.abort();
  await expect(asked).rejects.toThrow(OpenAI.APIUserAbortError);
  await until(() => service.chat.open() === 0);
});

it.each([
  [{ n: 2 }, 'n'],
  [{ tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools'],
  [{ frequency_penalty: 1 }, 'frequency_penalty'],
  [{ response_format: { type: 'json_object' } }, 'response_format'],
  [{ top_logprobs: 2 }, 'top_logprobs'],
  [{ max_tokens: 1, max_completion_tokens: 1 }, 'max_tokens'],
  [{ max_tokens: 1_000_000 }, 'max_tokens'],
  [{ temperature: 3 }, 'temperature'],
  [{ stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop'],
  [{ seed: 1e300 }, 'seed'],
  [{ regularizers: [] }, 'regularizers'],
  [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role'],
])('refuses %j in a chat', async (options, param) => {
  const { client: clientOf } = await openTestService();
  const client = await clientOf('one');
  const ask = { model: 'tiny', messages: [{ role: 'user', content: 'x' }], ...options };
  const asked = client.chat.completions.create(ask as never);
  await expect(asked).rejects.toMatchObject({ status: 400, param, type: 'invalid_request_error' });
});

it('says nothing of what failed inside, whole or in a stream', async () => {
  const { client: clientOf } = await openTestService();
  const client = await clientOf('one');
  const ask = (content: string) => ({ model: 'tiny', messages: [{ role: 'user' as const, content }] });
  const whole = await client.chat.completions.create(ask('fail')).catch((error: unknown) => error);
  expect(whole).toMatchObject({ status: 500, code: 'internal_error' });
  expect(String(whole)).not.toContain('secret');
  const unbegun = client.chat.completions.create({ ...ask('fail'), stream: true });
  await expect(unbegun).rejects.toMatchObject({ status: 500 });
  const stream = await client.chat.completions.create({ ...ask('fail later'), stream: true });
  const failure = await (async () => {
    for await (const _ of stream);
  })().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(OpenAI.APIError);
  expect(String(failure)).not.toContain('secret');
});
