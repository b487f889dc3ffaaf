import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type Policy, policySchema } from '../../policy/policy-schema.ts';

const goldens = fileURLToPath(new URL('../../../../../conformance/goldens', import.meta.url));

/** Tiny checkpoints with a chat template, and an adapter of the first. */
export const checkpoints = {
  llama: join(goldens, 'checkpoints', 'llama-untied-float32'),
  qwen: join(goldens, 'checkpoints', 'qwen2-untied-float32-sharded'),
};
export const llamaAdapter = join(goldens, 'adapters', 'llama-lora-query-value');

/** A policy over models by their names; all else is the default. */
export function policyOf(models: Readonly<Record<string, string>>, limits: object = {}): Policy {
  const fields = policySchema.parse({
    models: Object.fromEntries(Object.entries(models).map(([name, path]) => [name, { path }])),
    limits,
  });
  return { ...fields, sha256: '0'.repeat(64), poolMethods: {} };
}

/** A folder that is removed when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-serving-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
