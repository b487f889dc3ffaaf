import { execFile } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { emptyFolder, hubServer } from '../../../../conformance/hub-server.ts';
import { pythonWith } from '../../../../conformance/python.ts';
import { goldenRepository } from './__fixtures__/golden-repository.ts';
import { resolveModel } from './resolve-model.ts';

const server = hubServer();
const cache = emptyFolder();
const name = 'owner/tiny-model';
const python = pythonWith('huggingface_hub');

/** What a line of Python over `huggingface_hub` prints. */
async function runHubPython(line: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { stdout } = await promisify(execFile)(
    python!,
    ['-c', `import huggingface_hub as h; print(${line})`],
    {
      env: { ...process.env, HF_HOME: join(cache(), 'home'), HF_HUB_CACHE: cache(), ...env },
    },
  );
  return stdout.trim();
}

describe.skipIf(python === undefined)(
  'the cache, shared with Python huggingface_hub (skipped without it)',
  () => {
    it('holds for Python what was fetched here', async () => {
      server.repositories.set(`models/${name}`, await goldenRepository('qwen2-tied-bfloat16'));
      const { path } = await resolveModel(name, {
        endpoint: server.endpoint(),
        cacheDirectory: cache(),
        token: '',
      });
      const asked = `[h.hf_hub_download("${name}", "model.safetensors"), h.try_to_load_from_cache("${name}", "chat_template.json") is h._CACHED_NO_EXIST, [r.repo_id for r in h.scan_cache_dir().repos], len(h.scan_cache_dir().warnings)]`;
      expect(await runHubPython(asked, { HF_HUB_OFFLINE: '1' })).toBe(
        `['${join(path, 'model.safetensors')}', True, ['${name}'], 0]`,
      );
    });

    it('holds here what Python fetched', async () => {
      server.repositories.set(`models/${name}`, await goldenRepository('qwen2-untied-float32-sharded'));
      const printed = await runHubPython(`h.snapshot_download("${name}")`, {
        HF_ENDPOINT: server.endpoint(),
      });
      server.seen.length = 0;
      const { path } = await resolveModel(name, {
        endpoint: server.endpoint(),
        cacheDirectory: cache(),
        offline: true,
      });
      expect(await realpath(path)).toBe(await realpath(printed));
      expect(server.seen).toEqual([]);
    });
  },
);
