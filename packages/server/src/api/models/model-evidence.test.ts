import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import type { Manifest } from '../../evidence/manifest.ts';
import { manifestText } from '../../evidence/sign-manifest.ts';
import { openSigningKey, rotateSigningKey } from '../../evidence/signing-key.ts';
import { tinyCheckpoint } from '../../policy/__fixtures__/policy-folder.ts';
import type { ModelRecord } from '../../records/model-record.ts';
import { openTestService, type TestService } from '../../service/__fixtures__/test-service.ts';
import type { ErrorBody } from '../openai-error.ts';

const policy = `  open: {path: ${tinyCheckpoint}, download: true}`;
const contents = { 'adapter_config.json': '{"r": 8}', 'adapter_model.safetensors': 'weights\u0000' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const entries = Object.entries(contents).map(([path, text]) => ({
  ...{ path, bytes: text.length, sha256: sha256(text) },
}));

/** As a job leaves it, but for the signature. */
function manifestOf({ id, base, tenant, jobId }: ModelRecord): string {
  const manifest: Manifest = {
    ...{ format: 'safetune-manifest', version: 1, model: id, job: jobId, tenant },
    ...{ created_at: 1, started_at: 2, finished_at: 3, policy_sha256: sha256('policy') },
    base: { id: base, precision: 'float32', files: [] },
    training_file: { id: 'file-1', sha256: sha256('data') },
    ...{ validation_file: null, method: 'supervised', seed: 1, hyperparameters: {}, safeguards: [] },
    ...{ trained_tokens: 10, metrics: {}, versions: {}, screening: null },
    gate: { outcome: 'released', measurements: [], reason: 'released', report: null },
    files: entries,
  };
  return manifestText(manifest, null);
}

/** Makes a model of tenant `one`, with a file beside it that its manifest does not list. */
async function makeModel(
  { service: { records, storage } }: TestService,
  base: string,
  status: ModelRecord['status'] = 'released',
) {
  const jobId = `ftjob-${base}-${status}`;
  const key = `models/${jobId}/1`;
  const id = `ft:${base}:one::${status}`;
  const model: ModelRecord = { id, tenant: 'one', createdAt: 1, jobId, base, status, key };
  const manifest = manifestOf(model);
  for (const [name, text] of Object.entries({
    ...{ ...contents, 'manifest.json': manifest, 'unlisted.json': '{}' },
  }))
    await storage.put(`${key}/${name}`, Readable.from([text]));
  await records.insert('model', model);
  return { path: `/v1/fine_tuning/models/${encodeURIComponent(id)}`, id, manifest };
}

it('gives an owner the manifest, and what it lists where the policy lets them', async () => {
  const service = await openTestService(policy);
  const [owner, other] = [await service.key('one'), await service.key('two')];
  const operator = await service.key('provider', { role: 'operator' });
  const answer = async (path: string, key: string) => {
    const response = await service.fetch(path, key);
    const text = await response.text();
    return response.ok ? text : [response.status, (JSON.parse(text) as ErrorBody).error.code];
  };
  const weights = 'files/adapter_model.safetensors';
  const [open, closed] = [await makeModel(service, 'open'), await makeModel(service, 'tiny')];
  for (const { path, manifest } of [open, closed]) {
    expect(await answer(`${path}/manifest`, owner)).toBe(manifest);
    const listed = JSON.parse(String(await answer(`${path}/files`, owner)));
    expect(listed.data).toEqual(
      entries.map(({ path: name, ...rest }) => ({ object: 'fine_tuning.model.file', name, ...rest })),
    );
    expect(await answer(`${path}/${weights}`, operator)).toBe(contents['adapter_model.safetensors']);
    for (const rest of ['manifest', 'files', weights])
      expect(await answer(`${path}/${rest}`, other)).toEqual([404, 'model_not_found']);
  }
  for (const [name, text] of Object.entries(contents)) {
    expect(await answer(`${open.path}/files/${name}`, owner)).toBe(text);
    expect(await answer(`${closed.path}/files/${name}`, owner)).toEqual([403, 'download_not_allowed']);
  }
  const taken = await service.fetch(`${open.path}/${weights}`, owner);
  expect(taken.headers.get('content-disposition')).toContain('filename="adapter_model.safetensors"');
  expect(taken.headers.get('content-type')).toBe('application/octet-stream');
  for (const key of [owner, operator])
    for (const name of ['unlisted.json', 'manifest.json', 'ADAPTER_CONFIG.JSON', '.', '..', '1', '__proto__'])
      expect(await answer(`${open.path}/files/${encodeURIComponent(name)}`, key)).not.toBeTypeOf('string');
  for (const name of ['..%2Fadapter_config.json', '%2e%2e%2f1%2funlisted.json', '%00', 'a%0Ab'])
    expect(await answer(`${open.path}/files/${name}`, operator)).toEqual([404, null]);
});

it('has no evidence of what is not released, but for the operator, nor of what was deleted', async () => {
  const service = await openTestService(policy);
  const owner = await service.key('one');
  const operator = await service.key('provider', { role: 'operator' });
  for (const status of ['quarantined', 'refused'] as const) {
    const { path, id, manifest } = await makeModel(service, 'open', status);
    for (const rest of ['manifest', 'files', 'files/adapter_config.json']) {
      const response = await service.fetch(`${path}/${rest}`, owner);
      expect([response.status, await response.json()]).toMatchObject([
        ...[404, { error: { message: `The model '${id}' does not exist` } }],
      ]);
      expect((await service.fetch(`${path}/${rest}`, operator)).status).toBe(200);
    }
    expect(await (await service.fetch(`${path}/manifest`, operator)).text()).toBe(manifest);
  }
  const { path, id } = await makeModel(service, 'open');
  const deleted = await service.fetch(`/v1/models/${encodeURIComponent(id)}`, owner, { method: 'DELETE' });
  expect(deleted.status).toBe(200);
  for (const key of [owner, operator])
    for (const rest of ['manifest', 'files', 'files/adapter_config.json'])
      expect((await service.fetch(`${path}/${rest}`, key)).status).toBe(404);
});

it('tells the public keys that lie in its folder now, and no private one', async () => {
  const service = await openTestService();
  const key = await service.key('one');
  const listed = async () => {
    const response = await service.fetch('/v1/service/public_keys', key);
    const { data } = (await response.json()) as {
      readonly data: readonly { readonly id: string; readonly pem: string }[];
    };
    return data;
  };
  expect(await listed()).toEqual([]);
  const folder = service.service.publicKeys;
  const old = await openSigningKey(join(folder, '..'));
  expect(await listed()).toEqual([
    { id: old.id, object: 'service.public_key', algorithm: 'Ed25519', pem: old.publicPem },
  ]);
  const now = await rotateSigningKey(join(folder, '..'));
  expect((await listed()).map(({ id }) => id)).toEqual([old.id, now.id].toSorted());
  await rm(join(folder, `${old.id}.pem`));
  expect((await listed()).map(({ pem }) => pem)).toEqual([now.publicPem]);
  await writeFile(
    join(folder, 'oops.pem'),
    '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n',
  );
  const response = await service.fetch('/v1/service/public_keys', key);
  const text = await response.text();
  expect([response.status, text.includes('c2VjcmV0'), text.includes(folder)]).toEqual([500, false, false]);
});
