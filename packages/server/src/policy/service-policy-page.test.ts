import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { policyFolder, removePolicyFolders } from './__fixtures__/policy-folder.ts';
import { readPolicy } from './read-policy.ts';
import { isOrdered, makeSafeguard } from './strength.ts';

afterAll(removePolicyFolders);

const page = new URL('../../../../docs/service-policy.md', import.meta.url);

it('the policy of the documentation is valid', async () => {
  const [, example] = /```yaml\n([\s\S]*?)```/.exec(await readFile(page, 'utf8')) ?? [];
  const { folder, file } = await policyFolder(example!);
  await mkdir(join(folder, 'models', 'small'), { recursive: true });
  const policy = await readPolicy(file);
  expect(policy.models.small?.path).toBe(join(folder, 'models', 'small'));
  expect(
    policy.safeguards.mandatory
      .map((config) => makeSafeguard(config))
      .map(({ name, strength }) => [name, strength]),
  ).toEqual([
    ['interleaving', 0.05],
    ['kl', 0.1],
    ['kl-of-safe-examples', 1],
  ]);
});

it('the policy of the start page is valid', async () => {
  const start = new URL('service.md', page);
  const [, example] = /```yaml\n([\s\S]*?)```/.exec(await readFile(start, 'utf8')) ?? [];
  const { file } = await policyFolder(example!);
  expect(await readPolicy(file)).toMatchObject({
    limits: { epochs: 5, context_tokens: 8192 },
    gate: { log_odds: { quarantine: 0.2, refuse: 0.5 } },
  });
});

it('every type of ours is told to have an order or none', async () => {
  const text = await readFile(page, 'utf8');
  const { listRegularizers } = await import('@safetune/regularizers');
  const types = listRegularizers().map(({ type }) => type);
  const without = ['ptst', 'a-gem', 'salora', 'inoculation-adapter'];
  expect(types.filter((type) => !isOrdered(type)).toSorted()).toEqual(without.toSorted());
  for (const type of types) expect(text).toContain(`\`${type}\``);
});
