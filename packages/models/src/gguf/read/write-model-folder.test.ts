import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCheckpoint, readTensor } from '@safetune/tensor';
import { expect, it } from 'vitest';
import { goldenDirectory, goldenExpectations, temporaryDirectory } from '../../__fixtures__/goldens.ts';
import { loadModel } from '../../load-model.ts';
import { loadTokenizer } from '../../tokenizer.ts';
import { withCheckpointFolder } from './checkpoint-folder.ts';
import { writeModelFolder } from './write-model-folder.ts';

const directory = temporaryDirectory();
const cacheDirectory = temporaryDirectory();
const name = 'llama-tied-bfloat16-rope-scaled';
const gguf = fileURLToPath(
  new URL(`../../../../../conformance/goldens/gguf-models/${name}.bf16.gguf`, import.meta.url),
);

it('makes a folder that is the model: its configuration, weights, tokenizer and chats', async () => {
  const folder = join(directory, 'folder');
  await writeModelFolder(gguf, folder, { cacheDirectory });
  const [made, file] = [
    await loadModel(folder, { cacheDirectory }),
    await loadModel(gguf, { cacheDirectory }),
  ];
  expect(made.config).toEqual(file.config);
  const [written, original] = [await openCheckpoint(folder), await openCheckpoint(goldenDirectory(name))];
  expect([...written.tensors.keys()].sort()).toEqual([...original.tensors.keys()].sort());
  for (const [tensor, region] of written.tensors) {
    expect(region.dtype).toBe('float32');
    expect((await readTensor(region)).data, tensor).toEqual(
      (await readTensor(original.tensors.get(tensor)!)).data,
    );
  }
  const tokenizer = await loadTokenizer(folder);
  const { texts, chats } = await goldenExpectations(name);
  for (const { text, idsWithoutSpecialTokens } of texts)
    expect(tokenizer.encode(text)).toEqual(idsWithoutSpecialTokens);
  for (const { messages, addGenerationPrompt, rendered } of chats) {
    expect(tokenizer.renderChat(messages, { addGenerationPrompt })).toBe(rendered);
  }
  expect(await readdir(directory)).toEqual(['folder']);
});

it('writes over nothing, and takes GGUF files only', async () => {
  const full = join(directory, 'full');
  await mkdir(full);
  await writeFile(join(full, 'mine'), '');
  await expect(writeModelFolder(gguf, full, { cacheDirectory })).rejects.toThrow(/holds 1 files/);
  await expect(writeModelFolder(goldenDirectory(name), join(directory, 'x'))).rejects.toThrow(
    /is no GGUF file/,
  );
});

it('lends a folder for the time, where the model is a file', async () => {
  expect(await withCheckpointFolder(goldenDirectory(name), async (folder) => folder)).toBe(
    goldenDirectory(name),
  );
  const lent = await withCheckpointFolder(
    gguf,
    async (folder) => {
      expect((await openCheckpoint(folder)).files).toHaveLength(1);
      return folder;
    },
    { cacheDirectory },
  );
  await expect(readdir(lent)).rejects.toMatchObject({ code: 'ENOENT' });
});
