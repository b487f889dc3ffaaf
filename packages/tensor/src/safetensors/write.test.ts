import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import ndarray from 'ndarray';
import { describe, expect, it } from 'vitest';
import { type HostArray, type HostData, hostArray } from '../host-array.ts';
import { useTemporaryDirectory } from './__fixtures__/temporary-directory.ts';
import { SafetensorsWriteError } from './errors.ts';
import { findTensor, openSafetensors, readTensor, readTensorBytes } from './read.ts';
import { type WritableTensor, writeSafetensors, writeTensorStreams } from './write.ts';

const directory = useTemporaryDirectory();

function floats(...values: number[]): HostArray {
  return hostArray(Float32Array.from(values), [values.length]);
}

async function roundTrip(tensors: Record<string, WritableTensor>, metadata: Record<string, string> = {}) {
  const path = join(directory(), 'made.safetensors');
  await writeSafetensors(path, tensors, { metadata });
  return openSafetensors(path);
}

describe('writeSafetensors', () => {
  it('writes the very bytes the reference implementation writes', async () => {
    const reference = join(import.meta.dirname, '__fixtures__', 'dtypes.safetensors');
    const file = await openSafetensors(reference);
    const tensors: [string, WritableTensor][] = [];
    for (const region of [...file.tensors.values()].reverse()) {
      const array = await readTensor(region);
      const { dtype } = region;
      const special = dtype === 'float16' || dtype === 'bfloat16' || dtype === 'bool';
      tensors.push([region.name, special ? { dtype, array } : array]);
    }
    const path = (await roundTrip(Object.fromEntries(tensors), { format: 'pt' })).path;
    expect(await readFile(path)).toEqual(await readFile(reference));
  });

  it('round-trips any tensors, names, shapes and metadata', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((name) => name !== '__metadata__');
    const data: fc.Arbitrary<HostData> = fc.oneof(
      fc.float32Array({ noNaN: true, maxLength: 12 }),
      fc.float64Array({ noNaN: true, maxLength: 12 }),
      fc.int8Array({ maxLength: 12 }),
      fc.uint8Array({ maxLength: 12 }),
      fc.int16Array({ maxLength: 12 }),
      fc.int32Array({ maxLength: 12 }),
      fc.bigInt64Array({ maxLength: 12 }),
    ) as fc.Arbitrary<HostData>;
    const tensor = data.chain((values) =>
      fc
        .constantFrom(...divisors(values.length))
        .map((rows) => hostArray(values, values.length === 0 ? [rows, 0] : [rows, values.length / rows])),
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(text, tensor), fc.dictionary(text, text), async (tensors, metadata) => {
        const file = await roundTrip(tensors, metadata);
        expect(file.metadata).toEqual({ ...metadata });
        expect([...file.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
        for (const [name, array] of Object.entries(tensors)) {
          const region = findTensor(file, name);
          const read = await readTensor(region);
          expect(read.shape).toEqual(array.shape);
          expect(read.data).toEqual(array.data);
          expect(region.offset % array.data.BYTES_PER_ELEMENT).toBe(0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('writes views row-major whatever their strides and offset', async () => {
    const data = Float32Array.from({ length: 24 }, (_, index) => index);
    const whole = ndarray<HostData>(data, [4, 6]);
    const views: Record<string, HostArray> = {
      transposed: whole.transpose(1, 0),
      window: whole.lo(1, 2).hi(2, 3),
      rows: whole.lo(2, 0),
      stepped: whole.step(2, -3),
    };
    const file = await roundTrip(views);
    for (const [name, view] of Object.entries(views)) {
      const { shape, data } = await readTensor(findTensor(file, name));
      const [rows, columns] = view.shape as [number, number];
      expect(shape).toEqual([rows, columns]);
      const elements = Array.from({ length: rows * columns }, (_, k) =>
        view.get(Math.floor(k / columns), k % columns),
      );
      expect([...data], name).toEqual(elements);
    }
  });

  it('rounds float32 to the 16-bit types it is asked for, past the size of a chunk', async () => {
    const values = new Float32Array(2 ** 20 + 3).fill(1);
    values[2 ** 20 + 2] = 1 + 2 ** -8; // a tie in bfloat16, exact in float16
    const array = hostArray(values, [values.length]);
    const file = await roundTrip({ b: { dtype: 'bfloat16', array }, h: { dtype: 'float16', array } });
    expect(findTensor(file, 'b')).toMatchObject({ dtype: 'bfloat16', byteLength: values.length * 2 });
    expect([...(await readTensorBytes(findTensor(file, 'b'))).slice(-4)]).toEqual([0x80, 0x3f, 0x80, 0x3f]);
    expect((await readTensor(findTensor(file, 'h'))).data).toEqual(values);
  });

  it('writes a stream of bytes as they come', async () => {
    const path = join(directory(), 'stream.safetensors');
    const chunks = async function* () {
      yield Uint8Array.of(1);
      yield Uint8Array.of(2, 3);
    };
    await writeTensorStreams(path, [{ name: 'x', dtype: 'uint8', shape: [3], chunks }]);
    expect([...(await readTensor(findTensor(await openSafetensors(path), 'x'))).data]).toEqual([1, 2, 3]);
    await expect(
      writeTensorStreams(path, [{ name: 'x', dtype: 'uint8', shape: [4], chunks }]),
    ).rejects.toThrow(/3 bytes.*4/);
    expect((await openSafetensors(path)).tensors.get('x')?.shape).toEqual([3]);
  });

  const bytes = hostArray(Uint8Array.of(0, 2), [2]);
  const refusals: [string, Record<string, WritableTensor>, RegExp][] = [
    [
      'a value too large for float16',
      { x: { dtype: 'float16', array: floats(1, -7e4) } },
      /'x': element 1.*-70000/,
    ],
    [
      'int bytes as float16',
      { x: { dtype: 'float16', array: bytes } },
      /float16 is written from a float32 array/,
    ],
    [
      'a bool that is neither 0 nor 1',
      { x: { dtype: 'bool', array: bytes } },
      /element 1 .* is 2, not 0 or 1/,
    ],
    ['the reserved name', { __metadata__: floats(1) }, /does not allow this name/],
    ['a name that is not Unicode', { '\ud800': floats(1) }, /does not allow this name/],
  ];
  it.each(refusals)('refuses %s and keeps the old file', async (_, tensors, message) => {
    const path = join(directory(), 'made.safetensors');
    await writeFile(path, 'old');
    const error = await roundTrip({ first: floats(1), ...tensors }).catch((thrown: unknown) => thrown);
    expect(SafetensorsWriteError.isInstance(error)).toBe(true);
    expect((error as Error).message).toMatch(message);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(directory())).toEqual(['made.safetensors']);
  });

  it('refuses metadata that are not text', async () => {
    const metadata = { epochs: 3 } as unknown as Record<string, string>;
    await expect(roundTrip({ x: floats(1) }, metadata)).rejects.toThrow(/metadata 'epochs'/);
  });
});

function divisors(length: number): number[] {
  return length === 0 ? [0, 1, 3] : [1, 2, 3, 4, 5, 6].filter((rows) => length % rows === 0);
}
