import { copyFile, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compile, tensorType } from './compile.ts';
import { MappedFileError } from './errors.ts';
import { hostArray } from './host-array.ts';
import { weight } from './operations/leaf.ts';
import { matmul } from './operations/linalg.ts';
import { useTemporaryDirectory } from './safetensors/__fixtures__/temporary-directory.ts';
import { findTensor, openSafetensors } from './safetensors/read.ts';
import { writeSafetensors } from './safetensors/write.ts';

const directory = useTemporaryDirectory();
const size = 128;

it('a run over weights that were cut short is an error, not the end of the process', async () => {
  const file = join(directory(), 'model.safetensors');
  const values = Float32Array.from({ length: size * size }, (_, index) => index % 7);
  await writeSafetensors(file, { w: hostArray(values, [size, size]) });
  const region = findTensor(await openSafetensors(file), 'w');
  const executable = await compile(({ x }) => ({ y: matmul(x, weight(region)) }), {
    x: tensorType('float32', [1, size]),
  });
  const run = async () =>
    (await executable.run({ x: hostArray(new Float32Array(size).fill(1), [1, size]) })).y;
  const before = (await run()).data;
  // A file of the same name in its place leaves the mapped one as it is.
  await copyFile(file, `${file}.copy`);
  await rename(file, `${file}.mapped`);
  await rename(`${file}.copy`, file);
  await truncate(file, 100);
  expect((await run()).data).toEqual(before);
  await rm(file);
  await rename(`${file}.mapped`, file);
  await truncate(file, 100);
  const error: unknown = await run().catch((thrown: unknown) => thrown);
  expect(MappedFileError.isInstance(error) && error.file).toBe(region.file);
  await executable.release();
});
