import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import { fuzz, mutatedBytes, mutatedJson } from '../../../../conformance/fuzz.ts';
import { loadLoraAdapter } from './peft-files.ts';

const golden = new URL(
  '../../../../conformance/goldens/adapters/qwen2-rslora-all-projections/',
  import.meta.url,
);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-fuzz-'));
  await cp(golden, directory, { recursive: true });
});
afterAll(() => rm(directory, { recursive: true }));

it("a stranger's adapter is refused, or loaded", async () => {
  const text = await readFile(new URL('adapter_config.json', golden));
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
    tries: 2000,
    inputs: fc.oneof(asBytes, mutatedBytes([text])),
    async enter(bytes) {
      await writeFile(join(directory, 'adapter_config.json'), bytes);
      await loadLoraAdapter(directory);
    },
  });
});
