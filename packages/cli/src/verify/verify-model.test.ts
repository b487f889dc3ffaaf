import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, keyIdOf } from '@safetune/server/evidence';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../__fixtures__/run-cli.ts';

let root: string;
let model: string;
let publicKey: string;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'safetune-verify-model-'));
  model = await mkdtemp(join(root, 'model-'));
  publicKey = join(root, 'public.pem');
  const pair = generateKeyPairSync('ed25519');
  await writeFile(publicKey, pair.publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(join(root, 'private.pem'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(join(model, 'adapter_config.json'), '{}');
  await writeFile(join(root, 'chats.jsonl'), 'data');
  const manifest = {
    format: 'safetune-manifest',
    version: 1,
    model: 'ft:small:acme::1',
    job: 'ftjob-1',
    tenant: 'acme',
    created_at: 1,
    started_at: 2,
    finished_at: 3,
    base: { id: 'small', precision: 'float32', files: [] },
    training_file: { id: 'file-1', sha256: sha256('data') },
    validation_file: null,
    policy_sha256: sha256('policy'),
    method: 'supervised',
    seed: 0,
    hyperparameters: {},
    safeguards: [{ type: 'kl', strength: 0.1, by: 'policy' }],
    trained_tokens: 1,
    metrics: {},
    versions: {},
    screening: null,
    gate: {
      outcome: 'quarantined',
      measurements: [],
      reason: 'quarantined: log-odds. The provider keeps the figures',
      report: null,
    },
    files: [{ path: 'adapter_config.json', bytes: 2, sha256: sha256('{}') }],
  };
  const bytes = Buffer.from(`safetune-manifest-v1\n${canonicalJson(manifest)}`);
  const value = sign(null, bytes, pair.privateKey).toString('base64');
  const signature = { algorithm: 'Ed25519', key: keyIdOf(pair.publicKey), value };
  await writeFile(join(model, 'manifest.json'), JSON.stringify({ manifest, signature }));
});
afterAll(() => rm(root, { recursive: true, force: true }));

it('says what a model of a service is, where everything is as it was signed', async () => {
  const data = join(root, 'chats.jsonl');
  const { code, stdout, stderr } = await runCli('verify', model, '--public-key', publicKey, '--data', data);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('(1 file of the model, the training file)');
  expect(stdout).toContain('safeguards: kl');
  expect(stdout).toContain('gate: quarantined: log-odds. The provider keeps the figures');
});

it('names what was changed', async () => {
  await writeFile(join(model, 'adapter_config.json'), '{"r": 8}');
  const { code, stderr } = await runCli('verify', model, '--public-key', publicKey);
  await writeFile(join(model, 'adapter_config.json'), '{}');
  expect(code).toBe(1);
  expect(stderr).toContain('adapter_config.json is not the file that the manifest lists');
});

it.each([
  [[], /is a model of a service: verify needs --public-key/],
  [['--base', 'x'], /--base stands beside --public-key/],
  [['--public-key', 'PUBLIC', '--steps', '1'], /--steps repeats a run/],
  [['--public-key', 'PRIVATE'], /is a private key, which stays where it is/],
] as const)('refuses %j', async (given, message) => {
  const names: Record<string, string> = { PUBLIC: publicKey, PRIVATE: join(root, 'private.pem') };
  const { code, stderr } = await runCli('verify', model, ...given.map((value) => names[value] ?? value));
  expect(code).not.toBe(0);
  expect(stderr).toMatch(message);
});
