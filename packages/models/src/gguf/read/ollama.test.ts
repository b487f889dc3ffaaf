import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { temporaryDirectory } from '../../__fixtures__/goldens.ts';
import { GgufError } from '../../errors.ts';
import { loadModel } from '../../load-model.ts';
import { resolveModel } from '../../repository/resolve-model.ts';
import { loadTokenizer } from '../../tokenizer.ts';
import { ggufBytes, tinyMetadata, tinyTensors } from './__fixtures__/gguf-bytes.ts';
import { modelPath } from './ollama.ts';

const models = temporaryDirectory();
const digest = 'ab'.repeat(32);
const blob = join(models, 'blobs', `sha256-${digest}`);

afterEach(() => vi.unstubAllEnvs());

async function keep(place: string[], layers: readonly object[]): Promise<void> {
  vi.stubEnv('OLLAMA_MODELS', models);
  const file = join(models, 'manifests', ...place);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, JSON.stringify({ schemaVersion: 2, config: {}, layers }));
}

const weights = { mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${digest}`, size: 1 };
const template = {
  mediaType: 'application/vnd.ollama.image.template',
  digest: `sha256:${'0'.repeat(64)}`,
  size: 1,
};

async function problemOf(model: string): Promise<GgufError> {
  const error: unknown = await modelPath(model).then(
    (path) => expect.fail(path),
    (thrown: unknown) => thrown,
  );
  if (!GgufError.isInstance(error)) throw error;
  return error;
}

it('finds the file that Ollama keeps under a name, and loads it', async () => {
  await keep(['registry.ollama.ai', 'library', 'smollm2', '135m'], [weights, template]);
  expect(await modelPath('ollama:smollm2:135m')).toBe(blob);
  await mkdir(join(models, 'blobs'), { recursive: true });
  await writeFile(blob, ggufBytes({ metadata: tinyMetadata()!, tensors: tinyTensors() }));
  const model = await loadModel('ollama:smollm2:135m', { cacheDirectory: models });
  expect(model.directory).toBe(blob);
  expect((await loadTokenizer('ollama:smollm2:135m')).encode('hell')).toEqual([258]);
});

it('knows owners, registries and the tag latest', async () => {
  await keep(['registry.ollama.ai', 'somebody', 'model', 'latest'], [weights]);
  expect(await modelPath('ollama:somebody/model')).toBe(blob);
  await keep(['hf.co', 'owner', 'Model-GGUF', 'Q4_K_M'], [weights]);
  expect(await modelPath('ollama:hf.co/owner/Model-GGUF:Q4_K_M')).toBe(blob);
});

it('is what resolveModel gives, too', async () => {
  await keep(['registry.ollama.ai', 'somebody', 'model', 'latest'], [weights]);
  expect(await resolveModel('ollama:somebody/model')).toEqual({ path: blob, hub: undefined });
});

it('leaves paths alone', async () => {
  for (const path of ['model', './ollama/x', '/models/x.gguf', 'C:\\models\\x.gguf']) {
    expect(await modelPath(path)).toBe(path);
  }
});

it('refuses names that Ollama does not have, or that lead elsewhere', async () => {
  vi.stubEnv('OLLAMA_MODELS', models);
  expect((await problemOf('ollama:absent:1b')).message).toMatch(/no such model in .*`ollama pull absent:1b`/);
  for (const name of [
    'ollama:',
    'ollama:../../etc/passwd',
    'ollama:a/b/c/d',
    'ollama:..',
    'ollama:a:..',
    'ollama:a b',
  ]) {
    expect((await problemOf(name)).message, name).toMatch(/no name of Ollama's/);
  }
});

it('refuses manifests that name no one file, and adapters', async () => {
  await keep(['registry.ollama.ai', 'library', 'two', 'latest'], [weights, weights]);
  expect((await problemOf('ollama:two')).message).toMatch(/no single file of weights/);
  await keep(['registry.ollama.ai', 'library', 'bad', 'latest'], [{ ...weights, digest: 'sha256:../../x' }]);
  expect((await problemOf('ollama:bad')).message).toMatch(/no single file of weights/);
  const adapter = { ...weights, mediaType: 'application/vnd.ollama.image.adapter' };
  await keep(['registry.ollama.ai', 'library', 'tuned', 'latest'], [weights, adapter]);
  expect((await problemOf('ollama:tuned')).message).toMatch(/an adapter on top/);
});
