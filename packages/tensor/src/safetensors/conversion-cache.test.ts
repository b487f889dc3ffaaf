import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostArray } from '../host-array.ts';
import { useTemporaryDirectory } from './__fixtures__/temporary-directory.ts';
import { convertOnce } from './conversion-cache.ts';
import { floatCache } from './convert.ts';
import { SafetensorsError } from './errors.ts';
import { openSafetensors, readTensor, type TensorRegion, tensorChunks } from './read.ts';
import { writeSafetensors } from './write.ts';

const directory = useTemporaryDirectory();
const cache = () => join(directory(), 'cache');

async function sourceOf(file: string, ...values: number[]): Promise<TensorRegion> {
  const path = join(directory(), file);
  const array = hostArray(Float32Array.from(values), [values.length]);
  await writeSafetensors(path, { w: { dtype: 'bfloat16', array } });
  return (await openSafetensors(path)).tensors.get('w')!;
}

async function valuesOf(source: TensorRegion): Promise<number[]> {
  const [region] = await floatCache([source], cache());
  return [...(await readTensor(region!)).data] as number[];
}

const cachedFiles = async () =>
  (await readdir(cache())).filter((name) => name.endsWith('.safetensors')).map((name) => join(cache(), name));

describe('a source that is swapped between its hash and its conversion', () => {
  /** Does what an attacker does in that moment: the streams are opened when the hash is known. */
  const converting = (source: TensorRegion, attack: () => Promise<unknown>, times = 1) =>
    convertOnce(
      {
        sources: [source],
        kind: 'copy',
        results: [
          {
            ...source,
            async *chunks() {
              for (let time = 0; time < times; time++) {
                if (time === times - 1) await attack();
                for await (const chunk of tensorChunks(source)) if (time === times - 1) yield chunk;
              }
            },
          },
        ],
      },
      cache(),
    );

  it('is found, and nothing is kept under the name of what it was', async () => {
    const honest = await sourceOf('honest.safetensors', 1, 2, 3);
    const attackers = await sourceOf('attacker.safetensors', 1, 2, 3);
    await sourceOf('evil.safetensors', 9, 9, 9);
    const attack = () => rename(join(directory(), 'evil.safetensors'), attackers.file);
    const error: unknown = await converting(attackers, attack).catch((thrown: unknown) => thrown);
    expect(SafetensorsError.isInstance(error) && error.problem).toBe('changed');
    expect(await cachedFiles()).toEqual([]);
    const copied = await converting(honest, async () => {});
    expect([...(await readTensor(copied.get('w')!)).data]).toEqual([1, 2, 3]);
  });

  it('is found in the second of several readings, and when its times are set back', async () => {
    const attackers = await sourceOf('attacker.safetensors', 1, 2, 3);
    const attack = async () => {
      const { atime, mtime } = await stat(attackers.file);
      const file = await open(attackers.file, 'r+');
      await file.write(Uint8Array.of(0x10, 0x41), 0, 2, attackers.offset);
      await file.close();
      await utimes(attackers.file, atime, mtime);
    };
    const error: unknown = await converting(attackers, attack, 2).catch((thrown: unknown) => thrown);
    expect(SafetensorsError.isInstance(error) && error.problem).toBe('changed');
    expect(await cachedFiles()).toEqual([]);
  });

  it('cannot be passed by, as every source must have been read', async () => {
    const source = await sourceOf('unread.safetensors', 1);
    const results = [{ ...source, chunks: () => [new Uint8Array(2)] }];
    await expect(convertOnce({ sources: [source], kind: 'copy', results }, cache())).rejects.toThrow(
      /did not read/,
    );
  });
});

describe('a file of the cache', () => {
  it('is made again when one bit of it is flipped, whatever its times say', async () => {
    const source = await sourceOf('model.safetensors', 1, 2, 3);
    expect(await valuesOf(source)).toEqual([1, 2, 3]);
    const [path] = await cachedFiles();
    const whole = await readFile(path!);
    const { atime, mtime } = await stat(path!);
    const flipped = Buffer.from(whole);
    flipped[flipped.length - 2]! ^= 0x40;
    await writeFile(path!, flipped);
    await utimes(path!, atime, mtime);
    expect(await valuesOf(source)).toEqual([1, 2, 3]);
    expect(await readFile(path!)).toEqual(whole);
  });

  it('is made again without its seal, and kept when it was only moved', async () => {
    const source = await sourceOf('model.safetensors', 1, 2, 3);
    await valuesOf(source);
    const [path] = await cachedFiles();
    const { ino } = await stat(path!);
    const copy = await readFile(path!);
    await writeFile(`${path}.copy`, copy);
    await rename(`${path}.copy`, path!);
    const copied = await stat(path!);
    expect(await valuesOf(source)).toEqual([1, 2, 3]);
    expect((await stat(path!)).ino).toBe(copied.ino);
    await rm(`${path}.seal`);
    expect(await valuesOf(source)).toEqual([1, 2, 3]);
    expect((await stat(path!)).ino).not.toBe(copied.ino);
    expect(ino).not.toBe(copied.ino);
  });

  it.skipIf(process.platform === 'win32')(
    'is private to the user, and so is a folder that is made',
    async () => {
      await valuesOf(await sourceOf('model.safetensors', 1));
      expect((await stat(cache())).mode & 0o777).toBe(0o700);
      for (const name of await readdir(cache())) {
        expect((await stat(join(cache(), name))).mode & 0o777).toBe(0o600);
      }
      const shared = join(directory(), 'shared');
      await mkdir(shared, { mode: 0o750 });
      await floatCache([await sourceOf('model.safetensors', 1)], shared);
      expect((await stat(shared)).mode & 0o777).toBe(0o750);
    },
  );
});
