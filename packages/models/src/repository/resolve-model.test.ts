import { lstat, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HubDownloadOptions } from '@safetune/hub';
import { describe, expect, it } from 'vitest';
import {
  adapterRepository,
  closedAddress,
  emptyFolder,
  gitBlob,
  hubServer,
  sha256,
} from '../../../../conformance/hub-server.ts';
import { loadModel } from '../load-model.ts';
import { loadTokenizer } from '../tokenizer.ts';
import { goldenRepository } from './__fixtures__/golden-repository.ts';
import { resolveAdapter, resolveModel } from './resolve-model.ts';

const server = hubServer();
const cache = emptyFolder();
const options = (more: HubDownloadOptions = {}): HubDownloadOptions => ({
  endpoint: server.endpoint(),
  cacheDirectory: cache(),
  token: '',
  timeoutMs: 5000,
  ...more,
});
const name = 'owner/tiny-model';
const folderOf = (repository: string) => join(cache(), `models--${repository.replace('/', '--')}`);

describe('a model on the hub', () => {
  it("is fetched into Python's cache, of what it has only what is needed, and loads", async () => {
    const files = await goldenRepository('qwen2-untied-float32-sharded');
    files.set('pytorch_model.bin', { content: Buffer.from('a pickle'), isLarge: true });
    files.set('onnx/model.onnx', { content: Buffer.from('onnx'), isLarge: true });
    files.set('additional_chat_templates/tools.jinja', {
      content: Buffer.from('{{ tools }}'),
      isLarge: false,
    });
    server.repositories.set(`models/${name}`, files);
    const reports: number[] = [];
    const { path, hub } = await resolveModel(
      name,
      options({ onProgress: ({ bytes, totalBytes }) => reports.push(bytes / totalBytes) }),
    );
    expect(hub).toEqual({ name, revision: 'main', commit: server.commit });
    expect(path).toBe(join(folderOf(name), 'snapshots', server.commit));
    expect((await readdir(path, { recursive: true })).sort()).toEqual(
      [
        ...['additional_chat_templates', 'additional_chat_templates/tools.jinja'],
        ...['chat_template.jinja', 'config.json', 'generation_config.json', 'model.safetensors.index.json'],
        ...[1, 2, 3].map((part) => `model-0000${part}-of-00003.safetensors`),
        ...['tokenizer.json', 'tokenizer_config.json'],
      ].sort(),
    );
    // Links into blobs, named as Python names them.
    const { content } = files.get('config.json')!;
    const shard = files.get('model-00001-of-00003.safetensors')!.content;
    expect(await readlink(join(path, 'config.json'))).toBe(join('../../blobs', gitBlob(content)));
    expect(await readFile(join(folderOf(name), 'blobs', sha256(shard)))).toEqual(shard);
    expect(await readFile(join(folderOf(name), 'refs/main'), 'utf8')).toBe(server.commit);
    expect((await readdir(join(folderOf(name), 'blobs'))).filter((blob) => blob.includes('.'))).toEqual([]);
    expect(Math.max(...reports)).toBe(1);

    const model = await loadModel(path, { cacheDirectory: join(cache(), 'converted') });
    expect(model.linearLayers.length).toBeGreaterThan(0);
    expect((await loadTokenizer(path)).encode('Hello')).not.toEqual([]);
  });

  it('is found without asking, by its revision and by its commit', async () => {
    server.repositories.set(`models/${name}`, await goldenRepository('qwen2-tied-bfloat16'));
    const first = await resolveModel(name, options());
    server.seen.length = 0;
    expect(await resolveModel(name, options())).toEqual(first);
    const byCommit = await resolveModel(`${name}@${server.commit}`, options({ offline: true }));
    expect(byCommit.path).toBe(first.path);
    expect(server.seen).toEqual([]);
    // Another revision is asked for, but no file twice.
    expect((await resolveModel(`${name}@refs/pr/7`, options())).path).toBe(first.path);
    expect(server.seen.map(({ path }) => path).filter((path) => path.includes('/resolve/'))).toEqual([]);
    expect(server.seen[0]?.path).toBe(`/api/models/${name}/revision/refs%2Fpr%2F7`);
  });

  it('is asked for again when a file of it is gone, and read from the cache when the hub is not there', async () => {
    server.repositories.set(`models/${name}`, await goldenRepository('qwen2-tied-bfloat16'));
    const { path } = await resolveModel(name, options());
    await rm(join(path, 'tokenizer.json'));
    const usable = { ...options(), endpoint: await closedAddress(), retries: 0 };
    expect((await resolveModel(name, usable)).path).toBe(path);
    await resolveModel(name, options());
    expect((await lstat(join(path, 'tokenizer.json'))).isSymbolicLink()).toBe(true);
    await rm(join(path, 'model.safetensors'));
    await expect(resolveModel(name, usable)).rejects.toMatchObject({ problem: 'offline' });
  });

  it('of a family that is not supported is refused before its weights come', async () => {
    const files = await goldenRepository('qwen2-tied-bfloat16');
    files.set('config.json', { content: Buffer.from('{"model_type": "bert"}'), isLarge: false });
    server.repositories.set(`models/${name}`, files);
    await expect(resolveModel(name, options())).rejects.toMatchObject({ name: 'UnsupportedModelError' });
    expect(server.seen.filter(({ host }) => host === 'storage')).toEqual([]);
  });

  it('comes as one GGUF file when one is named, with all its parts', async () => {
    const content = Buffer.from('GGUF and more');
    const files = ['a-Q8_0.gguf', 'b-00001-of-00002.gguf', 'b-00002-of-00002.gguf'].map(
      (path, index) =>
        [path, { content: Buffer.concat([content, Buffer.of(index)]), isLarge: true }] as const,
    );
    server.repositories.set(`models/${name}`, new Map(files));
    const { path } = await resolveModel(`${name}@v1:a-Q8_0.gguf`, options());
    expect(await readFile(path)).toEqual(files[0]![1].content);
    expect(await readdir(join(path, '..'))).toEqual(['a-Q8_0.gguf']);
    const parts = await resolveModel(`${name}:b-00001-of-00002.gguf`, options());
    expect((await readdir(join(parts.path, '..'))).sort()).toEqual(files.map(([file]) => file));
    await expect(resolveModel(`${name}:a-Q4_0.gguf`, options())).rejects.toThrow(
      /has no file .*a-Q8_0\.gguf/,
    );
    await expect(resolveModel(`${name}@v1`, options())).rejects.toThrow(
      /has no config\.json.*owner\/tiny-model:a-Q8_0\.gguf/,
    );
  });
});

it('an adapter is two files, and the prompt that a safeguard left; what is something else is called by its name', async () => {
  server.repositories.set('models/owner/adapter', adapterRepository());
  server.repositories.set(`models/${name}`, await goldenRepository('qwen2-tied-bfloat16'));
  const { path } = await resolveAdapter('owner/adapter', options());
  expect((await readdir(path)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  const prompted = adapterRepository();
  prompted.set('inference_prompt.json', { content: Buffer.from('{}'), isLarge: false });
  server.repositories.set('models/owner/prompted', prompted);
  const { path: other } = await resolveAdapter('owner/prompted', options());
  expect(await readdir(other)).toContain('inference_prompt.json');
  await expect(resolveModel('owner/adapter', options())).rejects.toThrow(
    'It is an adapter: give its base model',
  );
  await expect(resolveAdapter(name, options())).rejects.toThrow('It is a model, not an adapter');
});

describe('names', () => {
  it('of folders that are there win, unless hf:// is before them', async () => {
    const folder = 'packages-for-a-test/model';
    await mkdir(folder, { recursive: true });
    try {
      await writeFile(join(folder, 'config.json'), '{}');
      expect(await resolveModel(folder, options())).toEqual({ path: folder, hub: undefined });
      await expect(resolveModel(`hf://${folder}`, options())).rejects.toMatchObject({ problem: 'not-found' });
      await rm(join(folder, 'config.json'));
      await expect(resolveModel(folder, options())).rejects.toThrow(
        /holds no model.*hf:\/\/packages-for-a-test\/model/,
      );
      await expect(resolveModel('packages-for-a-test/other', options())).rejects.toMatchObject({
        problem: 'ambiguous',
        message: expect.stringContaining('there is a folder packages-for-a-test here'),
      });
    } finally {
      await rm('packages-for-a-test', { recursive: true });
    }
    expect(server.seen.map(({ path }) => path)).toEqual([`/api/models/${folder}/revision/main`]);
  });

  it.each([
    './model',
    '/models/owner',
    '../a/b',
    'model',
    'a/b/c',
    'a//b',
    'owner/..',
    'owner/name@..',
    'C:\\models\\x',
  ])('%s is a path', async (path) => {
    expect(await resolveModel(path, options())).toEqual({ path, hub: undefined });
    expect(server.seen).toEqual([]);
  });

  it.each(['hf://', 'hf://a/b/c', 'hf://owner/na me', 'hf://owner/name@a..b/..', 'hf://owner/name:../x'])(
    '%s is refused',
    async (text) => {
      await expect(resolveModel(text, options())).rejects.toMatchObject({ problem: 'name' });
    },
  );
});

describe('without the hub', () => {
  it.each([
    ['is not asked: HF_HUB_OFFLINE is set', { offline: true }],
    ['cannot be reached (ECONNREFUSED)', { retries: 0 }],
  ])('which %s, it is said what would be fetched, and how to bring it by hand', async (reason, given) => {
    const more = { ...given, endpoint: await closedAddress() };
    const error = await resolveModel(`${name}@v1`, options(more)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ problem: 'offline', repository: `${name}@v1` });
    const { message } = error as Error;
    for (const part of [
      reason,
      cache(),
      'config.json',
      `/${name}/tree/v1`,
      `hf download ${name} --include "*.json" "*.jinja" "model*.safetensors" --revision v1 --local-dir FOLDER`,
      'models--owner--tiny-model',
    ]) {
      expect(message).toContain(part);
    }
  });
});
