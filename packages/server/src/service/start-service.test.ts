import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { policyFolder, removePolicyFolders, tinyCheckpoint } from '../policy/__fixtures__/policy-folder.ts';
import { startFakeWorker } from './__fixtures__/fake-worker.ts';
import { trainingFile, until } from './__fixtures__/test-service.ts';
import { type ServiceSettings, startService } from './start-service.ts';

afterAll(removePolicyFolders);

async function settings(policy = `models:\n  tiny: {path: ${tinyCheckpoint}}\n`): Promise<ServiceSettings> {
  const data = await mkdtemp(join(tmpdir(), 'safetune-started-'));
  onTestFinished(() => rm(data, { recursive: true }));
  return {
    policy: (await policyFolder(policy)).file,
    data,
    port: 0,
    workers: 0,
    limits: { closeTimeout: 200 },
  };
}

it('starts, keeps what it has through a restart, and shows the first key once', async () => {
  const given = await settings();
  const first = await startService(given);
  expect(first.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const key = first.firstKey!;
  const clientOf = ({ address }: { readonly address: string }) =>
    new OpenAI({ apiKey: key, baseURL: `${address}/v1`, maxRetries: 0 });
  const file = await clientOf(first).files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const job = await clientOf(first).fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  // As if it had died before this.
  await first.service.queue.remove(job.id);
  await first.close();
  await expect(fetch(`${first.address}/healthz`)).rejects.toThrow();

  const closed: string[] = [];
  const second = await startService({
    ...given,
    parts: [
      async (service) => {
        const worker = startFakeWorker(service);
        return {
          async close() {
            await worker.close();
            closed.push('worker');
          },
        };
      },
    ],
  });
  try {
    expect(second.firstKey).toBeUndefined();
    expect((await fetch(`${second.address}/readyz`)).status).toBe(200);
    const { jobs } = clientOf(second).fineTuning;
    await until(async () => (await jobs.retrieve(job.id)).status === 'succeeded');
  } finally {
    await second.close();
  }
  expect(closed).toEqual(['worker']);
});

it('answers what is under way when it closes, and ends what has no end', async () => {
  const given = await settings();
  const running = await startService(given);
  const authorization = `Bearer ${running.firstKey}`;
  const client = new OpenAI({ apiKey: running.firstKey!, baseURL: `${running.address}/v1`, maxRetries: 0 });
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const job = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  const path = `/v1/fine_tuning/jobs/${job.id}/events?stream=true`;
  const stream = await fetch(`${running.address}${path}`, { headers: { authorization } });
  const form = new FormData();
  form.set('purpose', 'fine-tune');
  form.set('file', trainingFile('large', 'x'.repeat(2 ** 22)));
  const upload = fetch(`${running.address}/v1/files`, {
    method: 'POST',
    headers: { authorization },
    body: form,
  });
  await until(async () => (await running.service.storage.list('')).length >= 0);
  const [closing, text, answered] = await Promise.all([
    running.close(),
    stream.text(),
    upload.then(
      ({ status }) => status,
      () => 'refused',
    ),
  ]);
  expect(closing).toBeUndefined();
  expect(text.trim().split('\n\n').at(-1)).toBe('data: [DONE]');
  // It came before the end, or too late.
  expect(answered).toBeOneOf([200, 503, 'refused']);
});

it('leaves nothing open when it cannot start', async () => {
  const given = await settings();
  const running = await startService(given);
  const { port } = new URL(running.address);
  await expect(startService({ ...given, port: Number(port) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await running.close();
  const wrong = await settings('models: {}\nlimitations: {}\n');
  await expect(startService(wrong)).rejects.toThrow(/limitations/);
});
