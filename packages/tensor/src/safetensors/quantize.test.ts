import { copyFile, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { FileWriteError } from '../atomic-file.ts';
import { NonFiniteError } from '../dense/errors.ts';
import { ShapeError } from '../errors.ts';
import { type HostArray, hostArray } from '../host-array.ts';
import { bestIntegerType } from '../integer-products.ts';
import type { IntegerType } from '../operations/quantized-lowering.ts';
import { useTemporaryDirectory } from './__fixtures__/temporary-directory.ts';
import { SafetensorsError } from './errors.ts';
import { type QuantizedRegions, quantizedCache } from './quantize.ts';
import { findTensor, openSafetensors, readTensor, type TensorRegion } from './read.ts';
import { writeSafetensors } from './write.ts';

const directory = useTemporaryDirectory();
const cacheDirectory = () => join(directory(), 'nested', 'cache');
const source = () => join(directory(), 'model.safetensors');

const full = hostArray(Float32Array.of(127, -2.4, 1.5, 0, 0, 0, -25.4, 12.7, 0.06), [3, 3]);
const half = hostArray(Float32Array.of(-254, 1.5), [1, 2]);

async function regionsOf(path: string, ...names: string[]): Promise<TensorRegion[]> {
  const file = await openSafetensors(path);
  return names.map((name) => findTensor(file, name));
}

async function numbers(region: TensorRegion | undefined): Promise<number[]> {
  return Array.from((await readTensor(region!)).data as Float32Array, Number);
}

async function partsOf(array: HostArray, integers: IntegerType = 'int8'): Promise<QuantizedRegions> {
  const path = join(directory(), 'one.safetensors');
  await writeSafetensors(path, { x: array });
  const options = { residual: true, integers, cacheDirectory: cacheDirectory() };
  return (await quantizedCache(await regionsOf(path, 'x'), options)).get('x')!;
}

async function cacheFiles(): Promise<string[]> {
  return (await readdir(cacheDirectory())).filter((name) => !name.endsWith('.seal')).sort();
}

describe('quantizedCache', () => {
  let regions: readonly TensorRegion[];
  const quantized = (residual = false) =>
    quantizedCache(regions, { residual, integers: 'int8', cacheDirectory: cacheDirectory() });

  beforeEach(async () => {
    await writeSafetensors(source(), {
      full,
      b: { dtype: 'bfloat16', array: half },
      h: { dtype: 'float16', array: half },
    });
    regions = await regionsOf(source(), 'h', 'full', 'b');
  });

  it('rounds each row by its own scale, from any floating type, into one file', async () => {
    const parts = await quantized();
    expect([...parts.keys()]).toEqual(['h', 'full', 'b']);
    const [file, ...others] = await cacheFiles();
    expect(others).toEqual([]);
    expect(file).toMatch(/^[0-9a-f]{64}\.int8\.safetensors$/);
    const { values, scale, residual } = parts.get('full')!;
    expect(values).toMatchObject({ name: 'full.values', dtype: 'int8', shape: [3, 3], byteLength: 9 });
    expect(values.file).toBe(join(cacheDirectory(), file!));
    expect(scale).toMatchObject({ name: 'full.scale', dtype: 'float32', shape: [3], byteLength: 12 });
    expect(residual).toBeUndefined();
    expect(await numbers(scale)).toEqual([1, 0, Math.fround(0.2)]);
    expect(await numbers(values)).toEqual([127, -2, 2, 0, 0, 0, -127, 63, 0]);
    for (const name of ['h', 'b']) {
      expect(await numbers(parts.get(name)!.scale)).toEqual([2]);
      expect(await numbers(parts.get(name)!.values)).toEqual([-127, 1]);
    }
  });

  it('keeps what rounding leaves over on request, in a file of its own', async () => {
    await quantized();
    const { values, residual } = (await quantized(true)).get('full')!;
    expect((await cacheFiles()).map((file) => file.slice(64))).toEqual([
      '.int8.safetensors',
      '.int8x3.safetensors',
    ]);
    expect(await numbers(values)).toEqual([127, -2, 2, 0, 0, 0, -127, 63, 0]);
    // -2.4 = -2 - 0.4, 1.5 = 2 - 0.5, 12.7 / 0.2 = 63 + 0.5 less a rounding of the scale, 0.06 / 0.2 = 0.3
    expect(residual).toMatchObject({ name: 'full.residual', dtype: 'int8', shape: [3, 3] });
    expect(await numbers(residual)).toEqual([0, -102, -127, 0, 0, 0, 0, 127, 76]);
  });

  it('holds the same numbers in uint8, 128 more, in files of their own', async () => {
    const matrix = hostArray(
      Float32Array.from({ length: 60 }, (_, at) => (at < 10 ? 0 : Math.sin(at) * at)),
      [6, 10],
    );
    const [signed, unsigned] = [await partsOf(matrix, 'int8'), await partsOf(matrix, 'uint8')];
    expect((await cacheFiles()).map((file) => file.slice(64))).toEqual([
      '.int8x3.safetensors',
      '.uint8x3.safetensors',
    ]);
    for (const part of ['values', 'residual'] as const) {
      expect(unsigned[part]).toMatchObject({ name: `x.${part}`, dtype: 'uint8', shape: [6, 10] });
      const shifted = (await numbers(signed[part])).map((value) => value + 128);
      expect(await numbers(unsigned[part])).toEqual(shifted);
      expect(new Set(shifted).size).toBeGreaterThan(20);
    }
    expect(await numbers(unsigned.scale)).toEqual(await numbers(signed.scale));
  });

  it('takes the type that this processor multiplies exactly, when none is given', async () => {
    const parts = await quantizedCache(regions, { cacheDirectory: cacheDirectory() });
    expect(parts.get('h')!.values.dtype).toBe(await bestIntegerType());
  });

  it('stands for the matrix to half a step, and with the residual to half of a 254th', async () => {
    const [rows, columns] = [300, 9001]; // more than one block of rows
    const matrix = hostArray(
      Float32Array.from(
        { length: rows * columns },
        (_, at) => Math.sin(at) * 10 ** (Math.floor(at / columns) % 7),
      ),
      [rows, columns],
    );
    const parts = await partsOf(matrix);
    const [values, scale, residual] = [
      await numbers(parts.values),
      await numbers(parts.scale),
      await numbers(parts.residual),
    ];
    let [coarse, fine] = [0, 0];
    for (let at = 0; at < matrix.size; at++) {
      const exact = (matrix.data[at] as number) / scale[Math.floor(at / columns)]!;
      coarse = Math.max(coarse, Math.abs(values[at]! - exact));
      fine = Math.max(fine, Math.abs(values[at]! + residual[at]! / 254 - exact));
    }
    expect(coarse).toBeLessThan(0.50002);
    expect(coarse).toBeGreaterThan(0.49);
    expect(fine).toBeLessThan(0.5001 / 254);
    expect(Math.max(...values.slice(0, columns).map(Math.abs))).toBe(127);
  });

  it('makes zeros of a row too small for a float32 scale, and takes the largest numbers', async () => {
    const parts = await partsOf(hostArray(Float32Array.of(1e-43, -1e-40, 3.4e38, -1e38), [2, 2]));
    expect(await numbers(parts.scale)).toEqual([0, Math.fround(Math.fround(3.4e38) / 127)]);
    expect(await numbers(parts.values)).toEqual([0, 0, 127, -37]);
  });

  it('converts once, whichever file the same content lies in', async () => {
    await quantized();
    const [name] = await cacheFiles();
    const before = await stat(join(cacheDirectory(), name!));
    const copy = join(directory(), 'copy.safetensors');
    await copyFile(source(), copy);
    regions = await regionsOf(copy, 'h', 'full', 'b');
    const parts = await quantized();
    expect(await cacheFiles()).toEqual([name]);
    expect((await stat(parts.get('h')!.values.file)).ino).toBe(before.ino);
  });

  it('makes another file when the content changed in place, even under an old time', async () => {
    const { mtime, atime } = await stat(source());
    const before = (await quantized()).get('h')!;
    const bytes = await readFile(source());
    bytes.writeUInt16LE(0x4000, regions[0]!.offset); // 2
    await writeFile(source(), bytes);
    await utimes(source(), atime, mtime);
    const after = (await quantized()).get('h')!;
    expect(await numbers(after.values)).toEqual([127, 95]);
    expect(await numbers(before.values)).toEqual([-127, 1]);
  });

  it('makes a file that was cut short, or holds other tensors, again', async () => {
    await quantized(true);
    const file = join(cacheDirectory(), (await cacheFiles())[0]!);
    const whole = await readFile(file);
    for (const length of [whole.length - 1, 100, 0]) {
      await truncate(file, length);
      await quantized(true);
      expect(await readFile(file)).toEqual(whole);
    }
    await writeSafetensors(file, { 'full.values': full, 'full.scale': full });
    await quantized(true);
    expect(await readFile(file)).toEqual(whole);
  });

  it('serves several callers at once', async () => {
    await quantized();
    const [name] = await cacheFiles();
    await rm(join(cacheDirectory(), name!));
    const results = await Promise.all(Array.from({ length: 4 }, () => quantized()));
    expect(await cacheFiles()).toEqual([name]);
    for (const parts of results) expect(await numbers(parts.get('b')!.values)).toEqual([-127, 1]);
  });

  it('needs no file for no matrix', async () => {
    expect((await quantizedCache([], { cacheDirectory: cacheDirectory() })).size).toBe(0);
    await expect(stat(cacheDirectory())).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses %d, says where, and leaves no file',
    async (bad) => {
      const error = await partsOf(hostArray(Float32Array.of(1, 2, 3, 4, bad, 6), [3, 2])).catch(
        (thrown: unknown) => thrown,
      );
      expect(NonFiniteError.isInstance(error)).toBe(true);
      expect((error as Error).message).toContain(`'x': entry [2, 0] is ${bad}`);
      expect(await cacheFiles()).toEqual([]);
    },
  );

  it('says what is wrong with the source or the cache', async () => {
    await writeSafetensors(join(directory(), 'other.safetensors'), {
      vector: hostArray(Float32Array.of(1), [1]),
      integers: hostArray(Int8Array.of(1), [1, 1]),
    });
    for (const name of ['vector', 'integers']) {
      const [region] = await regionsOf(join(directory(), 'other.safetensors'), name);
      const attempt = quantizedCache([region!], { cacheDirectory: cacheDirectory() });
      await expect(attempt).rejects.toThrow(ShapeError);
    }
    await writeFile(join(directory(), 'plain'), '');
    await expect(quantizedCache(regions, { cacheDirectory: join(directory(), 'plain') })).rejects.toThrow(
      FileWriteError,
    );
    await truncate(source(), regions[0]!.offset);
    const error = await quantized().catch((thrown: unknown) => thrown);
    expect(SafetensorsError.isInstance(error)).toBe(true);
  });
});
