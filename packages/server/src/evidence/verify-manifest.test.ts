import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { smallJob, smallTrainingFile } from '../__fixtures__/small-job.ts';
import { smallModel } from '../__fixtures__/small-model.ts';
import { openFolderStorage } from '../storage/folder-storage.ts';
import { type PublicKey, readPublicKeys } from './public-keys.ts';
import { signStoredManifest } from './sign-stored-manifest.ts';
import { openSigningKey, rotateSigningKey, type SigningKey } from './signing-key.ts';
import { verifyManifest } from './verify-manifest.ts';
import { writeManifest } from './write-manifest.ts';

const gateVerdict = {
  outcome: 'released' as const,
  measurements: [{ name: 'log-odds', value: 0.1, low: 0, high: 0.2, quarantine: 0.5, refuse: null }],
  reason: 'released: log-odds 0.100',
  report: 'file-9',
};
const modelId = 'ft:small:acme::1';
const names = ['adapter_config.json', 'adapter_model.safetensors', 'report.json', 'manifest.json'];

let root: string;
/** A model's folder, signed, that no test changes. */
let signed: string;
let folder: string;
let keys: string;
let key: SigningKey;
let publicKeys: readonly PublicKey[];
let training: string;
let trainingFile: { readonly id: string; readonly sha256: string };

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'safetune-evidence-'));
  keys = join(root, 'keys');
  key = await openSigningKey(keys);
  publicKeys = await readPublicKeys(join(keys, 'public'));
  training = join(root, 'chats.jsonl');
  await writeFile(training, '{"messages": []}\n');
  trainingFile = { id: 'file-1', sha256: createHash('sha256').update('{"messages": []}\n').digest('hex') };
  const made = await madeModel();
  signed = join(root, 'signed');
  await mkdir(signed);
  const storage = await openFolderStorage(join(root, 'storage'));
  for (const name of names) await storage.put(`models/1/${name}`, join(made, name));
  await signStoredManifest(
    storage,
    'models/1',
    { job: smallJob, modelId, trainingFile, validationFile: null },
    key,
  );
  for (const name of names) await storage.fetch(`models/1/${name}`, join(signed, name));
  await storage.close();
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function madeModel(): Promise<string> {
  const made = await mkdtemp(join(root, 'made-'));
  await writeFile(join(made, 'adapter_config.json'), '{"r": 8}');
  await writeFile(join(made, 'adapter_model.safetensors'), 'weights');
  await writeFile(
    join(made, 'metrics.jsonl'),
    '{"step":1,"loss":2.5}\n{"step":2,"loss":2.25,"name":"x"}\n{"st',
  );
  await writeFile(join(made, 'report.json'), '{"outcome": "released"}');
  await writeManifest({
    job: smallJob,
    trainingFile,
    validationFile: null,
    modelId,
    screening: null,
    gate: gateVerdict,
    trainedTokens: 100,
    adapterDirectory: made,
    reportFile: join(made, 'report.json'),
    directory: made,
  });
  return made;
}

beforeEach(async () => {
  folder = await mkdtemp(join(root, 'model-'));
  await cp(signed, folder, { recursive: true });
});

const problems = async (options: Partial<Parameters<typeof verifyManifest>[1]> = {}) =>
  (await verifyManifest(folder, { publicKeys, ...options })).findings.map(
    ({ kind, file }) => `${kind} ${file}`,
  );

async function changeManifest(change: (manifest: Record<string, unknown>) => void, part = 'manifest') {
  const file = join(folder, 'manifest.json');
  const content = JSON.parse(await readFile(file, 'utf8'));
  change(part === 'manifest' ? content.manifest : content);
  await writeFile(file, JSON.stringify(content));
}

describe('a manifest', () => {
  it('is good as it was signed, with base and data', async () => {
    const found = await verifyManifest(folder, { publicKeys, base: smallModel, data: training });
    expect(found.findings).toEqual([]);
    expect(found.signedBy).toBe(key.id);
    expect(found.verified).toEqual([
      '3 files of the model',
      expect.stringMatching(/^\d+ files of the base model$/),
      'the training file',
    ]);
    expect(found.manifest).toMatchObject({
      model: modelId,
      tenant: 'acme',
      seed: 7,
      metrics: { step: 2, loss: 2.25 },
      gate: { outcome: 'released' },
      safeguards: [{ type: 'kl', strength: 0.1, by: 'policy' }],
    });
    expect(found.manifest!.versions['onnxruntime-node']).toMatch(/^\d+\./);
    expect(found.manifest!.base.files.map(({ path }) => path)).toContain('model.safetensors');
    expect(found.manifest!.finished_at).toBeGreaterThan(1_700_000_000);
  });

  it('is good however its JSON is written', async () => {
    await changeManifest((manifest) => {
      const entries = Object.entries(manifest).reverse();
      for (const [name] of entries) delete manifest[name];
      Object.assign(manifest, Object.fromEntries(entries));
    });
    expect(await problems()).toEqual([]);
  });

  it.each([
    ['tenant', (manifest: Record<string, unknown>) => (manifest.tenant = 'other')],
    ['gate', (manifest: Record<string, unknown>) => (manifest.gate = { ...gateVerdict, outcome: 'refused' })],
    ['safeguards', (manifest: Record<string, unknown>) => (manifest.safeguards = [])],
    ['seed', (manifest: Record<string, unknown>) => (manifest.seed = 8)],
  ])('whose %s was changed is found', async (_name, change) => {
    await changeManifest(change);
    expect(await problems()).toEqual(['signature manifest.json']);
  });

  it('without a signature, or with another one, is found', async () => {
    await changeManifest((content) => (content.signature = null), 'whole');
    expect(await problems()).toEqual(['signature manifest.json']);
    await changeManifest((content) => {
      content.signature = { algorithm: 'Ed25519', key: key.id, value: `${'A'.repeat(86)}==` };
    }, 'whole');
    expect(await problems()).toEqual(['signature manifest.json']);
  });

  it('of a key that is not given is found, and of one before a rotation is good', async () => {
    const strange = join(root, 'strange');
    await openSigningKey(strange);
    expect(await problems({ publicKeys: await readPublicKeys(join(strange, 'public')) })).toEqual([
      'signature manifest.json',
    ]);
    expect(await problems({ publicKeys: [] })).toEqual(['signature manifest.json']);
    await rotateSigningKey(keys);
    expect(await problems({ publicKeys: await readPublicKeys(join(keys, 'public')) })).toEqual([]);
  });

  it.each([['../secret'], ['/etc/passwd'], ['a/../../b'], ['.hidden'], ['a\\b'], ['a//b']])(
    'that lists %s is none',
    async (path) => {
      await changeManifest((manifest) => (manifest.files = [{ path, bytes: 1, sha256: 'a'.repeat(64) }]));
      expect(await problems()).toEqual(['manifest manifest.json']);
    },
  );

  it('that is missing, damaged, or has a field too many is told', async () => {
    await changeManifest((content) => (content.more = 1), 'whole');
    expect(await problems()).toEqual(['manifest manifest.json']);
    await writeFile(join(folder, 'manifest.json'), '{"manifest":');
    expect(await problems()).toEqual(['manifest manifest.json']);
    await unlink(join(folder, 'manifest.json'));
    expect(await problems()).toEqual(['manifest manifest.json']);
  });
});

describe('a file', () => {
  it.each(['adapter_config.json', 'adapter_model.safetensors', 'report.json'])(
    '%s that was changed is found by its name',
    async (name) => {
      await writeFile(join(folder, name), 'other');
      expect(await problems()).toEqual([`changed ${name}`]);
      await unlink(join(folder, name));
      expect(await problems()).toEqual([`missing ${name}`]);
    },
  );

  it('that a program would read besides is found, and a note is not', async () => {
    await writeFile(join(folder, 'inference_prompt.json'), '{}');
    await writeFile(join(folder, 'README.md'), 'Notes');
    expect(await problems()).toEqual(['unlisted inference_prompt.json']);
  });

  it('that is a link out of the folder counts as missing', async () => {
    const place = join(folder, 'adapter_config.json');
    await rename(place, join(root, 'elsewhere.json'));
    await symlink(join(root, 'elsewhere.json'), place);
    expect(await problems()).toEqual(['missing adapter_config.json']);
  });

  it('of the base model, or of the data, that is another one is found', async () => {
    const base = join(folder, 'base');
    await cp(smallModel, base, { recursive: true });
    await writeFile(join(base, 'config.json'), '{}');
    await unlink(join(base, 'tokenizer.json'));
    expect(await problems({ base, data: join(folder, 'report.json') })).toEqual([
      'base config.json',
      'base tokenizer.json',
      'data report.json',
    ]);
    expect(await problems({ validationData: training })).toEqual(['data chats.jsonl']);
  });
});

describe('signing', () => {
  async function sign(changes: {
    readonly known?: object;
    readonly after?: (storage: Awaited<ReturnType<typeof openFolderStorage>>) => Promise<unknown>;
  }) {
    const made = await madeModel();
    const storage = await openFolderStorage(await mkdtemp(join(root, 'storage-')));
    for (const name of names) await storage.put(`m/1/${name}`, join(made, name));
    await changes.after?.(storage);
    const known = { job: smallJob, modelId, trainingFile, validationFile: null, ...changes.known };
    await signStoredManifest(storage, 'm/1', known, key).finally(() => storage.close());
  }

  it.each([
    ['tenant', { job: { ...smallJob, tenant: 'other' } }],
    ['training_file', { trainingFile: smallTrainingFile }],
    ['validation_file', { validationFile: smallTrainingFile }],
    ['model', { modelId: 'ft:small:other::1' }],
    ['policy_sha256', { job: { ...smallJob, plan: { ...smallJob.plan, policySha256: 'c'.repeat(64) } } }],
    ['safeguards', { job: { ...smallJob, plan: { ...smallJob.plan, safeguards: [] } } }],
  ])('refuses what says another %s than the records', async (name, known) => {
    await expect(sign({ known })).rejects.toThrow(new RegExp(`than the records: ${name}\\.`));
  });

  it('refuses files that are not those of the manifest', async () => {
    const other = join(root, 'other');
    await writeFile(other, 'other weights');
    await expect(
      sign({ after: (storage) => storage.put('m/1/adapter_model.safetensors', other) }),
    ).rejects.toThrow(/adapter_model\.safetensors/);
    await expect(sign({ after: (storage) => storage.put('m/1/more.json', other) })).rejects.toThrow(
      /more\.json/,
    );
    await expect(sign({ after: (storage) => storage.put('m/1/manifest.json', other) })).rejects.toThrow(
      /is no manifest/,
    );
  });
});
