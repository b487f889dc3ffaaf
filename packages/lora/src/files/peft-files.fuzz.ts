import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import { fuzz, mutatedBytes, mutatedJson } from '../../../../conformance/fuzz.ts';
import { loadLoraAdapter } from './peft-files.ts';

const golden = (name: string) => new URL(`../../../../conformance/goldens/${name}/`, import.meta.url);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-fuzz-'));
});
afterAll(() => rm(directory, { recursive: true }));

it.each([
  'adapters/qwen2-rslora-all-projections',
  'lora-options/dora-biases',
  'lora-options/tied-together',
  'lora-options/saved-embedding-and-norms',
  'lora-options/tokens-by-layer',
])("a stranger's adapter is refused, or loaded: %s", async (name) => {
  await cp(golden(name), directory, { recursive: true });
  const text = await readFile(new URL('adapter_config.json', golden(name)));
  const config = JSON.parse(text.toString('utf8'));
  const patterns = {
    ...config,
    rank_pattern: { q_proj: 4, '(a+)+$': 2 },
    alpha_pattern: { '.*k_proj': 8 },
    exclude_modules: '.*lm_head',
  };
  const asBytes = mutatedJson([config, patterns]).map((value) => Buffer.from(JSON.stringify(value)));
  await fuzz({
    name: 'adapter folders',
    tries: 500,
    inputs: fc.oneof(asBytes, mutatedBytes([text])),
    async enter(bytes) {
      await writeFile(join(directory, 'adapter_config.json'), bytes);
      await loadLoraAdapter(directory);
    },
  });
});
