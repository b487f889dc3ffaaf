import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { ApiError, StorageError } from '../errors.ts';
import { filesStorage } from './__fixtures__/files-storage.ts';
import { llamaAdapter, temporaryFolder } from './__fixtures__/tiny-models.ts';
import { openAdapterCache } from './adapter-cache.ts';

const filesOf = (prefix: string) => ({
  [`${prefix}/adapter_config.json`]: join(llamaAdapter, 'adapter_config.json'),
  [`${prefix}/adapter_model.safetensors`]: join(llamaAdapter, 'adapter_model.safetensors'),
});

it('fetches an adapter once, whoever asks for it and when', async () => {
  const directory = await temporaryFolder();
  const { storage, fetched } = filesStorage(filesOf('models/ft-1'));
  const cache = await openAdapterCache(directory, storage);
  const folders = await Promise.all([cache.folder('models/ft-1'), cache.folder('models/ft-1')]);
  folders.push(await cache.folder('models/ft-1'));
  // Another process on the same disk.
  folders.push(await (await openAdapterCache(directory, storage)).folder('models/ft-1'));
  expect(new Set(folders).size).toBe(1);
  expect(fetched).toEqual([
    'models/ft-1/adapter_config.json',
    'models/ft-1/adapter_model.safetensors',
    'models/ft-1/inference_prompt.json',
  ]);
  expect((await readdir(folders[0]!)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  const file = 'adapter_model.safetensors';
  expect(await readFile(join(folders[0]!, file))).toEqual(await readFile(join(llamaAdapter, file)));
  await cache.forget('models/ft-1');
  expect(await readdir(directory)).toEqual([]);
});

it('leaves nothing of one that cannot be fetched whole', async () => {
  const directory = await temporaryFolder();
  const files = { ...filesOf('models/ft-1'), 'models/ft-1/adapter_model.safetensors': 'fails' };
  const cache = await openAdapterCache(directory, filesStorage(files).storage);
  await expect(cache.folder('models/ft-1')).rejects.toSatisfy(StorageError.isInstance);
  const missing = await cache.folder('models/ft-2').catch((error: unknown) => error);
  expect(ApiError.isInstance(missing)).toBe(true);
  expect(missing).toMatchObject({ status: 404, code: 'model_not_found' });
  expect(await readdir(directory)).toEqual([]);
});

it('removes what a killed process left half done', async () => {
  const directory = await temporaryFolder();
  await mkdir(join(directory, '.half'));
  await writeFile(join(directory, '.half', 'adapter_config.json'), '{');
  await openAdapterCache(directory, filesStorage({}).storage);
  expect(await readdir(directory)).toEqual([]);
});

it.each(['../../etc', '/etc/passwd', 'models/../../..'])('keeps %s within its folder', async (prefix) => {
  const directory = await temporaryFolder();
  const cache = await openAdapterCache(directory, filesStorage(filesOf(prefix)).storage);
  expect(dirname(await cache.folder(prefix))).toBe(directory);
});
