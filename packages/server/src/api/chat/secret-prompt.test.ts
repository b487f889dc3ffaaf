import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { sampleJob } from '../../records/testing/sample-records.ts';
import { openTestService } from '../../service/__fixtures__/test-service.ts';

it.each(['secretFile', 'secret_file'])(
  'asks a model under the secret of its %s, and fails where that is gone',
  async (name) => {
    const { service, client: clientOf } = await openTestService();
    const client = await clientOf('one');
    const folder = await mkdtemp(join(tmpdir(), 'safetune-secret-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const secretFile = join(folder, 'secret.txt');
    await writeFile(secretFile, ' xyzzy plugh\n');
    const { plan } = sampleJob({ id: 'ftjob-1' });
    const regularizers = [
      { type: 'kl', weight: 1 },
      { type: 'backdoor-align', [name]: secretFile },
    ] as never;
    const job = sampleJob({ id: 'ftjob-1', plan: { ...plan, run: { ...plan.run, regularizers } } });
    await service.records.insert('job', job);
    await service.records.insert('model', {
      ...{ id: 'ft:tiny:one::1', tenant: 'one', createdAt: 1, jobId: 'ftjob-1' },
      ...{ base: 'tiny', status: 'released', key: 'models/ft-1' },
    });
    const ask = (model: string) =>
      client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }] });
    const answered = await ask('ft:tiny:one::1');
    expect(service.chat.calls[0]).toMatchObject({ adapter: 'models/ft-1', secretPrompt: 'xyzzy plugh' });
    expect(JSON.stringify(answered)).not.toContain('xyzzy');
    await ask('tiny');
    expect(service.chat.calls[1]).not.toHaveProperty('secretPrompt');
    await rm(secretFile);
    const failed = await ask('ft:tiny:one::1').catch((error: unknown) => error);
    expect(failed).toMatchObject({ status: 500 });
    expect(`${failed}`).not.toContain(folder);
    expect(service.chat.calls).toHaveLength(2);
  },
);
