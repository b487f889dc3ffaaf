import { join } from 'node:path';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { rotateSigningKey } from '../evidence/signing-key.ts';
import { policyFolder, removePolicyFolders, tinyCheckpoint } from '../policy/__fixtures__/policy-folder.ts';
import { openServiceWorker } from './open-service-worker.ts';

afterAll(removePolicyFolders);

it('signs with the key that is there when a model is signed', async () => {
  const text = JSON.stringify({ models: { tiny: { path: tinyCheckpoint } } });
  const { folder: data, file: policy } = await policyFolder(text);
  const worker = await openServiceWorker({ data, policy }, () => {});
  onTestFinished(() => worker.close());
  const { id: first } = await worker.options.signingKey!();
  expect((await worker.options.signingKey!()).id).toBe(first);
  const { id: second } = await rotateSigningKey(join(data, 'keys'));
  expect((await worker.options.signingKey!()).id).toBe(second);
  expect(second).not.toBe(first);
});

it('opens also when a base model is away: other models have jobs, too', async () => {
  const text = JSON.stringify({ models: { tiny: { path: tinyCheckpoint }, gone: { path: './gone' } } });
  const { folder: data, file: policy } = await policyFolder(text);
  const worker = await openServiceWorker({ data, policy }, () => {});
  onTestFinished(() => worker.close());
  expect(Object.keys(worker.service.policy.models)).toEqual(['tiny', 'gone']);
});
