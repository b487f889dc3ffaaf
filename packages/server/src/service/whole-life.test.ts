/** The whole life of a fine-tune through everything that there is: official clients, API, worker, job, screen, gate, signature, chat. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { readPublicKeys, verifyManifest } from '../evidence/index.ts';
import { tinyCheckpoint } from '../policy/__fixtures__/policy-folder.ts';
import { openRealService, type RealService } from './__fixtures__/real-service.ts';

const rows = Array.from({ length: 16 }, (_, index) => ({
  messages: [
    { role: 'user', content: `question ${index}` },
    { role: 'assistant', content: `answer ${(index * 7) % 16} and more` },
  ],
}));
const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** What of a job this service tells beside what OpenAI's does. */
interface ServedJob extends OpenAI.FineTuning.FineTuningJob {
  readonly safeguards: readonly {
    readonly type: string;
    readonly strength: number | null;
    readonly by: string;
  }[];
  readonly screening: { readonly outcome: string; readonly examples: number };
  readonly gate: { readonly outcome: string };
}

let service: RealService;
beforeAll(async () => {
  service = await openRealService(1);
}, 60_000);
afterAll(() => service.close(), 60_000);

async function untilJob(
  client: OpenAI,
  id: string,
  isSo: (job: ServedJob) => boolean | Promise<boolean>,
): Promise<ServedJob> {
  for (;;) {
    const job = (await client.fineTuning.jobs.retrieve(id)) as ServedJob;
    if (await isSo(job)) return job;
    if (job.status === 'failed') throw new Error(job.error!.message);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

it('is driven by OpenAI’s client for npm', { timeout: 180_000 }, async () => {
  const client = await service.client('one');
  const { jobs } = client.fineTuning;
  const file = await client.files.create({ file: new File([text], 'chats.jsonl'), purpose: 'fine-tune' });
  const validation = await client.files.create({
    file: new File([text.split('\n').slice(0, 3).join('\n')], 'held-out.jsonl'),
    purpose: 'fine-tune',
  });

  interface Preview {
    readonly data: readonly {
      readonly learned: number;
      readonly tokens: readonly { readonly text: string }[];
    }[];
  }
  const preview = await client.post<Preview>('/fine_tuning/preview', {
    body: { model: 'tiny', training_file: file.id, examples: 1 },
  });
  expect(preview.data[0]!.tokens.map((token) => token.text).join('')).toContain('answer 0 and more');
  expect(preview.data[0]!.learned).toBeGreaterThan(3);
  const request = {
    model: 'tiny',
    training_file: file.id,
    validation_file: validation.id,
    suffix: 'life',
    seed: 3,
    metadata: { team: 'a' },
    safeguards: [{ type: 'kl', strength: 0.5 }],
    method: { type: 'supervised' as const, supervised: { hyperparameters: { n_epochs: 3 } } },
  };
  const estimate = await client.post<{ trained_tokens: number; steps: number; price: number }>(
    '/fine_tuning/estimate',
    { body: request },
  );
  expect(estimate.steps).toBe(24);
  expect(estimate.price).toBeCloseTo((estimate.trained_tokens * 2) / 1e6, 10);

  const { id } = await jobs.create(request as OpenAI.FineTuning.JobCreateParams);
  const other = await jobs.create({ model: 'tiny', training_file: file.id });

  // Followed as events come, paused after some steps, and gone on with.
  await untilJob(client, id, async () =>
    (await jobs.listEvents(id, { limit: 1 })).data.some((event) => event.type === 'metrics'),
  );
  await jobs.pause(id);
  await untilJob(client, id, (now) => (now.status as string) === 'paused');
  expect(await jobs.cancel(other.id)).toMatchObject({ id: other.id });
  expect(await jobs.resume(id)).toMatchObject({ status: 'queued' });
  const stream = await client.get<Response>(`/fine_tuning/jobs/${id}/events?stream=true`, {
    __binaryResponse: true,
  });
  const told = (await stream.text())
    .trim()
    .split('\n\n')
    .filter((frame) => frame.startsWith('data: '));
  expect(told.at(-1)).toBe('data: [DONE]');
  const streamed = told
    .slice(0, -1)
    .map((frame) => JSON.parse(frame.slice(6)) as OpenAI.FineTuning.FineTuningJobEvent);
  expect(streamed[0]!.message).toBe(`Created fine-tuning job: ${id}`);
  expect(streamed.at(-1)!.message).toBe('The job has successfully completed');
  const steps = streamed
    .filter(({ type }) => type === 'metrics')
    .map(({ data }) => (data as { step: number }).step);
  expect(steps).toEqual(steps.map((_, index) => index + 1));
  const paged: OpenAI.FineTuning.FineTuningJobEvent[] = [];
  for await (const event of jobs.listEvents(id, { limit: 7 })) paged.push(event);
  expect(paged.toReversed().map((event) => event.id)).toEqual(streamed.map((event) => event.id));

  const job = await untilJob(client, id, ({ status }) => status === 'succeeded');
  await untilJob(client, other.id, ({ status }) => status === 'cancelled');
  expect(job).toMatchObject({
    safeguards: [
      { type: 'interleaving', strength: 0.2, by: 'policy' },
      { type: 'kl', strength: 0.5, by: 'strengthened' },
      { type: 'slow', by: 'policy' },
    ],
    screening: { outcome: 'passed', examples: 16 },
    gate: { outcome: 'released' },
    metadata: { team: 'a' },
  });
  const listed: string[] = [];
  for await (const one of jobs.list({ limit: 1 })) listed.push(one.id);
  expect(listed).toEqual([other.id, id]);
  const found = await jobs.list({ metadata: { team: 'a' } });
  expect(found.data.map((one) => one.id)).toEqual([id]);
  const checkpoints: number[] = [];
  for await (const one of jobs.checkpoints.list(id, { limit: 2 })) checkpoints.push(one.step_number);
  expect(checkpoints.toSorted((a, b) => b - a)).toEqual(checkpoints);
  expect(checkpoints.at(-1)).toBe(3);

  const results = new Map<string, string>();
  for (const result of job.result_files) {
    const { filename } = await client.files.retrieve(result);
    results.set(filename, await (await client.files.content(result)).text());
  }
  const table = results.get('step_metrics.csv')!.trim().split('\n');
  expect(table[0]).toMatch(/^step,.*train_loss/);
  expect(table).toHaveLength(steps.length + 1);
  expect(results.get('screening_report.jsonl')!.trim().split('\n')).toHaveLength(17);
  expect(JSON.parse(results.get('gate_report.json')!)).toMatchObject({ format: 'safetune-gate' });

  const model = job.fine_tuned_model!;
  expect(model).toMatch(/^ft:tiny:one:life:/);
  expect((await client.models.list()).data.map((one) => one.id)).toEqual(['tiny', model]);
  const ask = {
    model,
    messages: [{ role: 'user' as const, content: 'question 3' }],
    temperature: 0,
    seed: 1,
  };
  const answer = await client.chat.completions.create({ ...ask, logprobs: true, top_logprobs: 2 });
  const said = answer.choices[0]!;
  expect(said.logprobs!.content!.map(({ token }) => token).join('')).toBe(said.message.content);
  for (const { logprob, top_logprobs: top } of said.logprobs!.content!) {
    expect(logprob).toBeLessThanOrEqual(0);
    expect(top[0]!.logprob).toBeCloseTo(logprob, 6);
  }
  let pieces = '';
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true }))
    pieces += chunk.choices[0]?.delta.content ?? '';
  expect(pieces).toBe(said.message.content);
  const base = await client.chat.completions.create({ ...ask, model: 'tiny' });
  expect(base.choices[0]!.message.content).not.toBe(said.message.content);

  // What a customer has of the evidence: nothing but the API.
  const root = await mkdtemp(join(tmpdir(), 'safetune-model-'));
  onTestFinished(() => rm(root, { recursive: true }));
  const [folder, keys] = [join(root, 'model'), join(root, 'keys')];
  await Promise.all([mkdir(folder), mkdir(keys)]);
  const download = async (path: string, to: string) => {
    const response = await client.get<Response>(path, { __binaryResponse: true });
    await writeFile(to, Buffer.from(await response.arrayBuffer()));
  };
  const place = `/fine_tuning/models/${encodeURIComponent(model)}`;
  await download(`${place}/manifest`, join(folder, 'manifest.json'));
  const { data: files } = await client.get<{ data: { name: string; bytes: number }[] }>(`${place}/files`);
  expect(files.map(({ name }) => name)).toEqual([
    ...['adapter_config.json', 'adapter_model.safetensors', 'report.json'],
  ]);
  for (const { name } of files) await download(`${place}/files/${name}`, join(folder, name));
  const published = await client.get<{ data: { id: string; pem: string }[] }>('/service/public_keys');
  for (const { id: keyId, pem } of published.data) await writeFile(join(keys, `${keyId}.pem`), pem);
  const data = join(root, 'chats.jsonl');
  await writeFile(data, text);
  const publicKeys = await readPublicKeys(keys);
  const verified = await verifyManifest(folder, { publicKeys, base: tinyCheckpoint, data });
  expect(verified.findings).toEqual([]);
  expect(verified.manifest).toMatchObject({
    model,
    job: id,
    tenant: 'one',
    trained_tokens: job.trained_tokens,
  });
  const weights = join(folder, 'adapter_model.safetensors');
  const bytes = await readFile(weights);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(weights, bytes);
  expect((await verifyManifest(folder, { publicKeys })).findings).toMatchObject([
    { kind: 'changed', file: 'adapter_model.safetensors' },
  ]);

  await client.models.delete(model);
  await expect(client.get(`${place}/manifest`)).rejects.toThrow(OpenAI.NotFoundError);
  const { storage } = service.running.service;
  await expect(client.chat.completions.create(ask)).rejects.toThrow(OpenAI.NotFoundError);
  // Page after page, those of the job that was cancelled too, which may have come as far as the screen.
  for await (const one of client.files.list({ limit: 2 })) await client.files.delete(one.id);
  expect((await client.files.list()).data).toEqual([]);
  expect(await storage.list('models/')).toEqual([]);
  expect(await storage.list('files/')).toEqual([]);
});

function hasPython(): boolean {
  try {
    execFileSync('python3', ['-c', 'import openai'], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn("skipped: OpenAI's client for Python is not here; python3 -m pip install openai brings it");
    return false;
  }
}

it.skipIf(!hasPython())('is driven by OpenAI’s client for Python', { timeout: 180_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-python-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'chats.jsonl');
  await writeFile(file, text);
  const program = fileURLToPath(new URL('../../../../conformance/openai_client.py', import.meta.url));
  const { stdout } = await promisify(execFile)('python3', [program, file, 'tiny'], {
    env: {
      ...process.env,
      OPENAI_BASE_URL: `${service.running.address}/v1`,
      OPENAI_API_KEY: await service.key('two'),
    },
  });
  expect(JSON.parse(stdout)).toEqual({
    preview: true,
    steps: 16,
    other: 'cancelled',
    status: 'succeeded',
    gate: 'released',
    events: ['The job has successfully completed', true],
    checkpoint: 3,
    files: ['gate_report.json', 'screening_report.jsonl', 'step_metrics.csv'],
    rows: true,
    listed: true,
    whole_is_streamed: true,
    logprobs: true,
    deleted: true,
    gone: true,
  });
});
