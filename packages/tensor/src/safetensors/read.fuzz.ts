import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { fuzz, mutatedBytes } from '../../../../conformance/fuzz.ts';
import { openSafetensors, readTensor } from './read.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-fuzz-'));
});
afterAll(() => rm(directory, { recursive: true }));

it('a damaged .safetensors file is refused, or read', async () => {
  const fixtures = new URL('./__fixtures__/', import.meta.url);
  const originals = await Promise.all(
    ['dtypes.safetensors', 'float8.safetensors', 'sharded/model-00001-of-00002.safetensors'].map((name) =>
      readFile(new URL(name, fixtures)),
    ),
  );
  const path = join(directory, 'model.safetensors');
  await fuzz({
    name: 'safetensors files',
    tries: 5000,
    inputs: mutatedBytes(originals),
    async enter(bytes) {
      await writeFile(path, bytes);
      for (const region of (await openSafetensors(path)).tensors.values()) await readTensor(region);
    },
  });
});
