import { chmod, copyFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { FileWriteError } from '../atomic-file.ts';
import { hostArray } from '../host-array.ts';
import { useTemporaryDirectory } from './__fixtures__/temporary-directory.ts';
import type { ConversionProgress } from './conversion-progress.ts';
import { floatCache } from './convert.ts';
import { SafetensorsError } from './errors.ts';
import { findTensor, openSafetensors, readTensor, type TensorRegion } from './read.ts';
import { writeSafetensors } from './write.ts';

const directory = useTemporaryDirectory();
const cache = () => join(directory(), 'nested', 'cache');
const half = hostArray(Float32Array.of(1, -2.5, 2 ** -24), [3]);
const full = hostArray(Float32Array.of(0.1, 0.2), [1, 2]);

let regions: readonly TensorRegion[];

async function sources(path: string): Promise<readonly TensorRegion[]> {
  const file = await openSafetensors(path);
  return ['full', 'h', 'b', 'ids'].map((name) => findTensor(file, name));
}

beforeEach(async () => {
  const path = join(directory(), 'model.safetensors');
  await writeSafetensors(path, {
    h: { dtype: 'float16', array: half },
    b: { dtype: 'bfloat16', array: hostArray(Float32Array.of(3, 3.3895313892515355e38), [2, 1]) },
    full,
    ids: hostArray(BigInt64Array.of(1n), [1]),
  });
  regions = await sources(path);
});

async function cacheFile(): Promise<string> {
  const names = (await readdir(cache())).filter((name) => !name.endsWith('.seal'));
  expect(names).toHaveLength(1);
  expect(names[0]).toMatch(/^[0-9a-f]{64}\.float32\.safetensors$/);
  return join(cache(), names[0]!);
}

describe('floatCache', () => {
  it('widens 16-bit regions into one file, keeps the order, and leaves other regions in place', async () => {
    const result = await floatCache(regions, cache());
    expect(result[0]).toBe(regions[0]);
    expect(result[3]).toBe(regions[3]);
    const file = await cacheFile();
    expect(result[1]).toMatchObject({ name: 'h', dtype: 'float32', shape: [3], file, byteLength: 12 });
    expect([...(await readTensor(result[1]!)).data]).toEqual([1, -2.5, 2 ** -24]);
    expect(result[2]).toMatchObject({ name: 'b', dtype: 'float32', shape: [2, 1], file });
    expect([...(await readTensor(result[2]!)).data]).toEqual([3, 3.3895313892515355e38]);
  });

  it('needs no cache when nothing is to be converted', async () => {
    expect(await floatCache([regions[0]!, regions[3]!], cache())).toEqual([regions[0], regions[3]]);
    await expect(stat(cache())).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('tells how many bytes it has read and written, and converts nothing that is there', async () => {
    const told: ConversionProgress[] = [];
    await floatCache(regions, cache(), (progress) => told.push(progress));
    // h has 3 elements, b 2: of 2 bytes before, of 4 after.
    const counts = (step: ConversionProgress['step']) =>
      told.filter((each) => each.step === step).map(({ done, total }) => `${done}/${total}`);
    expect(counts('reading').at(-1)).toBe('10/10');
    expect(counts('converting')).toHaveLength(2);
    expect(counts('converting').at(-1)).toBe('20/20');
    told.length = 0;
    await floatCache(regions, cache(), (progress) => told.push(progress));
    expect(counts('converting')).toEqual([]);
  });

  it('converts once, whichever file the same content lies in', async () => {
    await floatCache(regions, cache());
    const { ino } = await stat(await cacheFile());
    const copy = join(directory(), 'copy.safetensors');
    await copyFile(regions[0]!.file, copy);
    const result = await floatCache(await sources(copy), cache());
    expect((await stat(result[1]!.file)).ino).toBe(ino);
    await cacheFile();
  });

  it('makes another file when the content changed in place', async () => {
    const [, before] = await floatCache(regions, cache());
    const bytes = await readFile(regions[1]!.file);
    bytes.writeUInt16LE(0x4000, regions[1]!.offset);
    await writeFile(regions[1]!.file, bytes);
    const [, after] = await floatCache(regions, cache());
    expect([...(await readTensor(after!)).data]).toEqual([2, -2.5, 2 ** -24]);
    expect([...(await readTensor(before!)).data]).toEqual([1, -2.5, 2 ** -24]);
  });

  it('makes a file that was cut short, or holds other tensors, again', async () => {
    await floatCache(regions, cache());
    const file = await cacheFile();
    const whole = await readFile(file);
    await truncate(file, whole.length - 4);
    await floatCache(regions, cache());
    expect(await readFile(file)).toEqual(whole);
    await writeSafetensors(file, { h: full, b: full });
    await floatCache(regions, cache());
    expect(await readFile(file)).toEqual(whole);
  });

  it('serves several callers at once', async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => floatCache(regions, cache())));
    await cacheFile();
    for (const result of results)
      expect([...(await readTensor(result[1]!)).data]).toEqual([1, -2.5, 2 ** -24]);
  });

  it('reads tensors larger than a chunk', async () => {
    const path = join(directory(), 'large.safetensors');
    const values = Float32Array.from({ length: 5_000_000 }, (_, index) => (index % 251) - 125);
    await writeSafetensors(path, { x: { dtype: 'bfloat16', array: hostArray(values, [5000, 1000]) } });
    const [region] = await floatCache([findTensor(await openSafetensors(path), 'x')], cache());
    expect(
      Buffer.compare(new Uint8Array(values.buffer), new Uint8Array((await readTensor(region!)).data.buffer)),
    ).toBe(0);
  });

  it('says what is wrong with the source or the cache', async () => {
    await truncate(regions[1]!.file, regions[1]!.offset);
    const error = await floatCache(regions, cache()).catch((thrown: unknown) => thrown);
    expect(SafetensorsError.isInstance(error)).toBe(true);
    await writeFile(join(directory(), 'plain'), '');
    regions = await sources(await whole());
    await expect(floatCache(regions, join(directory(), 'plain'))).rejects.toThrow(FileWriteError);
  });
});

async function whole(): Promise<string> {
  const path = join(directory(), 'whole.safetensors');
  const array = hostArray(Float32Array.of(1), [1]);
  await writeSafetensors(path, {
    full,
    h: { dtype: 'float16', array },
    b: { dtype: 'bfloat16', array },
    ids: array,
  });
  await chmod(path, 0o444);
  return path;
}
