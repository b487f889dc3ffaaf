import { readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { arrayOf } from '../__fixtures__/random-array.ts';
import { useTemporaryDirectory } from './__fixtures__/temporary-directory.ts';
import { contentHash } from './content-hash.ts';
import { openSafetensors } from './read.ts';
import { writeSafetensors } from './write.ts';

const directory = useTemporaryDirectory();

async function writeWeights(...values: number[]) {
  const file = join(directory(), 'weights.safetensors');
  await writeSafetensors(file, { w: arrayOf([values.length], ...values) });
  const { tensors } = await openSafetensors(file);
  const cache = join(directory(), 'cache');
  return { file, hash: () => contentHash([...tensors.values()], cache) };
}

const remembered = () => readdir(join(directory(), 'cache'));

it('depends on what the tensors hold, and is remembered once files have settled', async () => {
  const { hash } = await writeWeights(1, 2, 3);
  const first = await hash();
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(await remembered()).toEqual([]);
  await setTimeout(2100);
  expect(await hash()).toBe(first);
  const [memory] = await remembered();
  expect(memory).toMatch(/^[0-9a-f]{64}\.hash$/);
  // What is remembered is used: another content would be noticed here.
  await writeFile(join(directory(), 'cache', memory!), 'f'.repeat(64));
  expect(await hash()).not.toBe(first);
  await writeFile(join(directory(), 'cache', memory!), 'damaged');
  expect(await hash()).toBe(first);
});

it('is computed anew for a changed file, also one with its old size and modification time', async () => {
  const { file, hash } = await writeWeights(1, 2, 3);
  await setTimeout(2100);
  const first = await hash();
  expect(await remembered()).toHaveLength(1);
  const { atime, mtime, size } = await stat(file);
  const changed = await writeWeights(1, 2, 4);
  await utimes(file, atime, mtime);
  expect((await stat(file)).size).toBe(size);
  expect(await changed.hash()).not.toBe(first);
});
