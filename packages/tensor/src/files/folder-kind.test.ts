import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { useTemporaryDirectory } from '../safetensors/__fixtures__/temporary-directory.ts';
import { openCheckpoint } from '../safetensors/checkpoint.ts';
import { CheckpointError } from '../safetensors/errors.ts';
import { folderMistake } from './folder-kind.ts';

const directory = useTemporaryDirectory();

async function folderOf(...files: string[]): Promise<string> {
  const path = join(directory(), files.join('+') || 'empty');
  await mkdir(path, { recursive: true });
  for (const file of files) await writeFile(join(path, file), '{}');
  return path;
}

it('finds nothing wrong with the folder of a model or of an adapter', async () => {
  const model = await folderOf('config.json', 'model.safetensors', 'original.pth');
  expect(await folderMistake(model, 'model')).toBeUndefined();
  expect(await folderMistake(model, 'weights')).toBeUndefined();
  const adapter = await folderOf('adapter_config.json', 'adapter_model.safetensors');
  expect(await folderMistake(adapter, 'adapter')).toBeUndefined();
});

it('tells an adapter from a model', async () => {
  const adapter = await folderOf('adapter_config.json', 'adapter_model.safetensors');
  expect(await folderMistake(adapter, 'model')).toMatch(/an adapter, not a model.*base model/);
  const model = await folderOf('config.json', 'model.safetensors');
  expect(await folderMistake(model, 'adapter')).toMatch(/a model, not an adapter/);
});

it('knows names of the hub, absent folders and files', async () => {
  expect(await folderMistake('no-such-org/no-such-model', 'model')).toMatch(
    /hf download no-such-org\/no-such-model/,
  );
  expect(await folderMistake(join(directory(), 'absent'), 'model')).toBe('does not exist');
  expect(await folderMistake('./absent', 'model')).toBe('does not exist');
  const file = join(directory(), 'model.gguf');
  await writeFile(file, 'GGUF\u0003');
  expect(await folderMistake(file, 'model')).toMatch(
    /is a GGUF file.*original safetensors checkpoint.*writeModelFolder/,
  );
  await writeFile(file, 'x');
  expect(await folderMistake(file, 'model')).toBe('is a file; give the folder that holds it');
});

it('knows weights in other formats, and the folder above the revisions of the hub cache', async () => {
  expect(await folderMistake(await folderOf('config.json', 'pytorch_model.bin'), 'weights')).toMatch(
    /\.bin: convert/,
  );
  expect(await folderMistake(await folderOf('model-q4.gguf'), 'model')).toMatch(/GGUF/);
  await mkdir(join(directory(), 'models--a--b', 'snapshots'), { recursive: true });
  await mkdir(join(directory(), 'models--a--b', 'blobs'));
  expect(await folderMistake(join(directory(), 'models--a--b'), 'model')).toMatch(
    /a revision in its snapshots/,
  );
});

it('is said by the error of a checkpoint that is not there', async () => {
  const error: unknown = await openCheckpoint(await folderOf('adapter_config.json')).catch(
    (thrown: unknown) => thrown,
  );
  if (!CheckpointError.isInstance(error)) throw error;
  expect(error.problem).toBe('missing');
  expect(error.message).toMatch(/an adapter, not a model/);
});
