import { expect, it, onTestFinished } from 'vitest';
import { damages, modelCopy } from '../../policy/__fixtures__/damaged-model.ts';
import { type Hostility, hostileModel } from '../../policy/__fixtures__/hostile-model.ts';
import { openTestService, trainingFile } from '../../service/__fixtures__/test-service.ts';

type Damage = (typeof damages)[keyof typeof damages];

/** Asks for a preview under such a model, and of somebody else something at the same time. */
async function previewUnder(hostility: Hostility | Damage, said: string) {
  const { service, client, fetch: fetchAs, key } = await openTestService();
  const { folder, remove } =
    typeof hostility === 'string' ? await hostileModel(hostility) : await modelCopy();
  onTestFinished(remove);
  if (typeof hostility !== 'string') await hostility.damage(folder);
  Object.assign(service.policy.models.tiny!, { path: folder });
  const one = await client('one');
  const line = JSON.stringify({
    messages: [
      { role: 'user', content: said },
      { role: 'assistant', content: 'Because.' },
    ],
  });
  const file = await one.files.create({ file: trainingFile('a.jsonl', `${line}\n`), purpose: 'fine-tune' });
  const body = { model: 'tiny', training_file: file.id };
  const preview = one.post<{ data: { refusal: string }[] }>('/fine_tuning/preview', { body }).then(
    ({ data }) => data[0]!.refusal,
    ({ status, message }: { status: number; message: string }) => `${status} ${message}`,
  );
  expect((await fetchAs('/v1/models', await key('two'))).status).toBe(200);
  return { told: await preview, folder };
}

it('a preview under a template without end says so, and not where model and file lie', async () => {
  const { told, folder } = await previewUnder('endless-template', 'Why?');
  expect(told).toMatch(/^line 1: the chat template cannot render .* beyond the limit of 5000000 steps/);
  expect(told).not.toContain(folder);
});

it('a preview under a pattern without end is refused, with the reason', async () => {
  const { told, folder } = await previewUnder('endless-pattern', 'x'.repeat(20_000));
  expect(told).toMatch(/^400 .*pattern "\(x\+x\+\)\+y" needs more than the \d+ steps allowed/);
  expect(told).not.toContain(folder);
});

it.each(['no tokenizer', 'no folder'] as const)(
  'a preview under a model with %s is told 503',
  async (name) => {
    const { told, folder } = await previewUnder(damages[name], 'Why?');
    expect(told).toMatch(/^503 .*the model cannot be loaded; this is the service's fault/);
    expect(told).not.toContain(folder);
  },
);
