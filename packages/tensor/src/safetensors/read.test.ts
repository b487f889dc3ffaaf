import { execFileSync } from 'node:child_process';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import expected from './__fixtures__/dtypes.json' with { type: 'json' };
import { useTemporaryDirectory } from './__fixtures__/temporary-directory.ts';
import {
  SafetensorsError,
  type SafetensorsProblem,
  TensorNotFoundError,
  UnsupportedDtypeError,
} from './errors.ts';
import { findTensor, openSafetensors, readTensor, readTensorBytes, tensorChunks } from './read.ts';

const fixtures = join(import.meta.dirname, '__fixtures__');
const directory = useTemporaryDirectory();

/** A file of the given header text and data. */
async function fileOf(header: string | object, data: Uint8Array = new Uint8Array()): Promise<string> {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const path = join(directory(), 'made.safetensors');
  await writeFile(path, Buffer.concat([length, text, data]));
  return path;
}

async function problemOf(action: Promise<unknown>): Promise<SafetensorsError> {
  const error = await action.then(
    () => expect.fail('no error was thrown'),
    (thrown: unknown) => thrown,
  );
  if (!SafetensorsError.isInstance(error)) throw error;
  return error;
}

function parsed(text: string): string {
  const words: Record<string, string> = { True: '1', False: '0', inf: 'Infinity', '-inf': '-Infinity' };
  return words[text] ?? text;
}

describe('files of the reference implementation', () => {
  it('reads every dtype, exactly, in its own type or widened to float32', async () => {
    const file = await openSafetensors(join(fixtures, 'dtypes.safetensors'));
    expect(file.metadata).toEqual({ format: 'pt' });
    expect([...file.tensors.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [name, { shape, values }] of Object.entries(expected)) {
      const array = await readTensor(findTensor(file, name));
      expect(array.shape, name).toEqual(shape);
      const read = [...array.data].map((value) =>
        typeof value === 'bigint' ? value : Object.is(value, -0) ? '-0' : value,
      );
      const exact = values.map((text) =>
        name === 'int64' ? BigInt(text) : text === '-0.0' ? '-0' : Number(parsed(text)),
      );
      expect(read, name).toEqual(exact);
    }
  });

  it('gives regions with the stored type and the place of the bytes', async () => {
    const file = await openSafetensors(join(fixtures, 'dtypes.safetensors'));
    const region = findTensor(file, 'bfloat16');
    expect(region).toMatchObject({ name: 'bfloat16', dtype: 'bfloat16', shape: [2, 2], byteLength: 8 });
    expect([...(await readTensorBytes(region))]).toEqual([0x80, 0x3f, 0x20, 0xc0, 0x7f, 0x7f, 0xaa, 0x3e]);
  });

  it('refuses an 8-bit float when it is read, and reads the rest of its file', async () => {
    const file = await openSafetensors(join(fixtures, 'float8.safetensors'));
    expect([...(await readTensor(findTensor(file, 'scale'))).data]).toEqual([0.5]);
    expect(() => findTensor(file, 'quantised')).toThrow(UnsupportedDtypeError);
    const region = file.unsupported.get('quantised')!;
    await expect(readTensor(region)).rejects.toMatchObject({ tensor: 'quantised', dtype: 'F8_E4M3' });
    expect([...(await readTensorBytes(region))]).toEqual([0x38, 0x40]);
  });
});

describe('well-formed files of other makers', () => {
  it('reads tensors at unaligned offsets, in any order of the header, with unknown fields and no padding', async () => {
    const data = Buffer.alloc(15);
    data.writeInt8(-7, 0);
    data.writeBigInt64LE(-(2n ** 40n), 1);
    data.writeFloatLE(0.75, 9);
    data.writeUInt16LE(0x3c00, 13);
    const path = await fileOf(
      {
        half: { dtype: 'F16', shape: [1], data_offsets: [13, 15] },
        float: { dtype: 'F32', shape: [], data_offsets: [9, 13], note: 'ignored' },
        byte: { dtype: 'I8', shape: [1], data_offsets: [0, 1] },
        long: { dtype: 'I64', shape: [1], data_offsets: [1, 9] },
        none: { dtype: 'F64', shape: [4, 0], data_offsets: [9, 9] },
      },
      data,
    );
    const file = await openSafetensors(path);
    const read = async (name: string) => [...(await readTensor(findTensor(file, name))).data];
    expect(await read('byte')).toEqual([-7]);
    expect(await read('long')).toEqual([-(2n ** 40n)]);
    expect(await read('float')).toEqual([0.75]);
    expect(await read('half')).toEqual([1]);
    expect(await read('none')).toEqual([]);
    expect(() => findTensor(file, 'absent')).toThrow(TensorNotFoundError);
  });

  it('takes a name like __proto__ for a name', async () => {
    const path = await fileOf(
      '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
      Uint8Array.of(9),
    );
    const file = await openSafetensors(path);
    expect([...(await readTensor(findTensor(file, '__proto__'))).data]).toEqual([9]);
  });

  it('streams a tensor in chunks that join to its bytes', async () => {
    const data = Uint8Array.from({ length: 100 }, (_, index) => index);
    const file = await openSafetensors(
      await fileOf({ x: { dtype: 'U8', shape: [100], data_offsets: [0, 100] } }, data),
    );
    const chunks: number[][] = [];
    for await (const chunk of tensorChunks(findTensor(file, 'x'), 32)) chunks.push([...chunk]);
    expect(chunks.map((chunk) => chunk.length)).toEqual([32, 32, 32, 4]);
    expect(chunks.flat()).toEqual([...data]);
  });
});

describe('bad files get an error that names file, tensor and problem', () => {
  const entry = (begin: unknown, end: unknown, shape: unknown = [2], dtype: unknown = 'F32') => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  });
  const cases: [string, SafetensorsProblem, string | object, number, string | undefined, RegExp][] = [
    [
      'a tensor beyond the end',
      'truncated',
      { a: entry(0, 8) },
      7,
      'a',
      /end at byte 8 but the file holds 7/,
    ],
    ['begin after end', 'reversed', { a: entry(8, 0) }, 8, 'a', /begin at 8, after their end at 0/],
    [
      'bytes that do not match the shape',
      'byte-length',
      { a: entry(0, 8, [3]) },
      8,
      'a',
      /takes 12 bytes.* hold 8/,
    ],
    ['a shape whose size overflows', 'byte-length', { a: entry(0, 8, [2 ** 40, 2 ** 40]) }, 8, 'a', /hold 8/],
    [
      'more dimensions than any tensor has',
      'entry',
      { a: entry(0, 4, Array(65).fill(1)) },
      4,
      'a',
      /65 dimensions; a tensor has 64 at most/,
    ],
    [
      'overlapping tensors',
      'overlap',
      { a: entry(0, 8), b: entry(4, 12) },
      12,
      'b',
      /overlap \[0, 8\) of 'a'/,
    ],
    ['a gap between tensors', 'gap', { a: entry(0, 8), b: entry(12, 20) }, 20, 'b', /gap after byte 8/],
    ['bytes after the last tensor', 'gap', { a: entry(0, 8) }, 11, undefined, /3 bytes after the last/],
    ['a header that is not JSON', 'header-json', '{"a":', 0, undefined, /not UTF-8 JSON/],
    ['a header that is a list', 'header-json', '[]', 0, undefined, /not a JSON object/],
    [
      'metadata that are not strings',
      'metadata',
      { __metadata__: { a: 1 } },
      0,
      undefined,
      /object of strings/,
    ],
    ['a missing dtype', 'entry', { a: { shape: [], data_offsets: [0, 0] } }, 0, 'a', /dtype/],
    ['an entry that is no object', 'entry', { a: 5 }, 0, 'a', /dtype/],
    ['a negative dimension', 'entry', { a: entry(0, 8, [-2]) }, 8, 'a', /shape/],
    ['a fractional offset', 'entry', { a: entry(0, 7.5) }, 8, 'a', /data_offsets/],
  ];
  it.each(cases)('%s', async (_, problem, header, dataBytes, tensor, message) => {
    const path = await fileOf(header, new Uint8Array(dataBytes));
    const error = await problemOf(openSafetensors(path));
    expect(error).toMatchObject({ problem, file: path, tensor });
    expect(error.message).toContain(path);
    expect(error.message).toMatch(message);
  });

  it('a header that is not UTF-8', async () => {
    const path = join(directory(), 'latin.safetensors');
    await writeFile(
      path,
      Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"\xff"', 'latin1')]),
    );
    expect(await problemOf(openSafetensors(path))).toMatchObject({ problem: 'header-json' });
  });

  it('a missing file', async () => {
    const path = join(directory(), 'absent.safetensors');
    expect(await problemOf(openSafetensors(path))).toMatchObject({ problem: 'missing', file: path });
  });

  it('a file of fewer than 8 bytes, and one whose header is longer than it or than the format allows', async () => {
    const path = join(directory(), 'short.safetensors');
    await writeFile(path, Buffer.alloc(5));
    expect(await problemOf(openSafetensors(path))).toMatchObject({ problem: 'truncated' });
    await writeFile(path, Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]));
    const longer = await problemOf(openSafetensors(path));
    expect(longer).toMatchObject({ problem: 'header-length' });
    expect(longer.message).toMatch(/declared as 3 bytes but the file has 10/);
    await writeFile(path, 'version https://git-lfs.github.com/spec/v1\n');
    const pointer = await problemOf(openSafetensors(path));
    expect(pointer).toMatchObject({ problem: 'header-length' });
    expect(pointer.message).toMatch(/no safetensors file but a Git LFS pointer/);
  });

  it('a header made to exhaust memory, before it is parsed', async () => {
    expect(await problemOf(openSafetensors(await fileOf('['.repeat(90_000_000))))).toMatchObject({
      problem: 'header-json',
    });
    expect(await problemOf(openSafetensors(await fileOf(`{"a":${'['.repeat(50_000_000)}`)))).toMatchObject({
      problem: 'header-size',
    });
    expect(
      await problemOf(openSafetensors(await fileOf(`{"a":[${'[],'.repeat(9_000_000)}[]]}`))),
    ).toMatchObject({
      problem: 'header-size',
    });
    const names = Array.from(
      { length: 400_000 },
      (_, index) => `"t${index}":${JSON.stringify(entry(0, 0, [0]))}`,
    );
    expect(await problemOf(openSafetensors(await fileOf(`{${names.join()}}`)))).toMatchObject({
      problem: 'header-size',
    });
  });

  it.skipIf(process.platform === 'win32')('a pipe, and a link out of its folder', async () => {
    const pipe = join(directory(), 'pipe.safetensors');
    execFileSync('mkfifo', [pipe]);
    expect(await problemOf(openSafetensors(pipe))).toMatchObject({ problem: 'refused' });
    const folder = join(directory(), 'tenant');
    await mkdir(folder);
    await symlink(await fileOf({ a: entry(0, 8) }, new Uint8Array(8)), join(folder, 'model.safetensors'));
    const link = openSafetensors(join(folder, 'model.safetensors'), { folder });
    expect(await problemOf(link)).toMatchObject({ problem: 'refused', message: /SAFETUNE_FOLLOW_LINKS/ });
  });

  it('a file that shrinks or vanishes after it was opened', async () => {
    const path = await fileOf({ a: entry(0, 8) }, new Uint8Array(8));
    const region = findTensor(await openSafetensors(path), 'a');
    await truncate(path, region.offset + 6);
    const error = await problemOf(readTensor(region));
    expect(error).toMatchObject({ problem: 'truncated', tensor: 'a' });
    expect(error.message).toMatch(/2 bytes short/);
    await expect(readTensor({ ...region, file: `${path}.gone` })).rejects.toMatchObject({
      problem: 'missing',
    });
  });
});
