import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../__fixtures__/goldens.ts';
import { GgufError, type GgufProblem } from '../../errors.ts';
import {
  type GgufContent,
  type GgufTensorContent,
  ggufBytes,
  listType,
  textType,
} from './__fixtures__/gguf-bytes.ts';
import { type GgufFile, readGguf } from './read-gguf.ts';

const directory = temporaryDirectory();
let files = 0;

async function read(content: GgufContent | Buffer): Promise<GgufFile> {
  const path = join(directory, `${files++}.gguf`);
  await writeFile(path, Buffer.isBuffer(content) ? content : ggufBytes(content));
  return readGguf(path);
}

async function problemOf(content: GgufContent | Buffer): Promise<GgufError> {
  const error: unknown = await read(content).then(
    () => expect.fail('it was read'),
    (thrown: unknown) => thrown,
  );
  if (!GgufError.isInstance(error)) throw error;
  return error;
}

const eight = new Uint8Array(8);
const two: readonly GgufTensorContent[] = [
  { name: 'a', extents: [2], data: eight },
  { name: 'b', extents: [2], data: eight },
];

describe('readGguf', () => {
  it('reads values of every type, and where tensors lie', async () => {
    const { metadata, tensors } = await read({
      metadata: [
        ['text', textType, 'grüße'],
        ['yes', 7, true],
        ['eps', 6, 1e-5],
        ['large', 10, 2n ** 40n],
        ['negative', 5, -3],
        ['texts', listType, [textType, ['', 'a b']]],
        ['floats', listType, [6, [0.5, -1]]],
        ['integers', listType, [10, [1n, 2n ** 53n]]],
        ['general.alignment', 4, 64],
      ],
      tensors: [
        { name: 'a', extents: [32, 3], type: 8, data: new Uint8Array(3 * 34) },
        { name: 'b', extents: [2], data: eight },
      ],
      alignment: 64,
    });
    expect([metadata.text('text'), metadata.boolean('yes'), metadata.number('negative')]).toEqual([
      'grüße',
      true,
      -3,
    ]);
    expect([metadata.number('eps'), metadata.count('large')]).toEqual([1e-5, 2 ** 40]);
    expect(metadata.texts('texts')).toEqual(['', 'a b']);
    expect([metadata.numbers('floats'), metadata.numbers('integers')]).toEqual([
      [0.5, -1],
      [1, 2 ** 53],
    ]);
    const [a, b] = [...tensors.values()];
    expect(a).toMatchObject({ name: 'a', shape: [3, 32], byteLength: 102, type: { name: 'Q8_0' } });
    expect(b!.offset).toBe(a!.offset + 128);
    expect(a!.offset % 64).toBe(0);
  });

  it('names a value that is of another type than is wanted', async () => {
    const { metadata } = await read({ metadata: [['key', textType, 'x']] });
    expect(() => metadata.count('key')).toThrow(/'key' must be an integer from 0 on/);
    expect(() => metadata.texts('key')).toThrow(/'key' must be a list of texts/);
  });

  it('reads headers longer than its first read', async () => {
    const texts = Array.from({ length: 100_000 }, (_, index) => `token ${index}`);
    const { metadata } = await read({ metadata: [['texts', listType, [textType, texts]]], tensors: two });
    expect(metadata.texts('texts')).toEqual(texts);
  });

  const huge = 2n ** 62n;
  it.each<[string, GgufProblem, RegExp, GgufContent | Buffer]>([
    ['another magic', 'magic', /does not begin with 'GGUF'/, { magic: 'GGML' }],
    ['version 1', 'version', /version 1; 2 and 3 are read/, { version: 1 }],
    ['another byte order', 'version', /big-endian/, { version: 0x03000000 }],
    ['nothing', 'truncated', /cut short/, Buffer.alloc(0)],
    [
      'tensors without number',
      'limit',
      /4611686018427387904 tensors|declares 4611686018427388000 tensors/,
      { tensorCount: huge },
    ],
    ['keys without number', 'limit', /metadata keys/, { keyCount: huge }],
    ['more tensors than fit', 'truncated', /its header/, { tensorCount: 99_999n }],
    [
      'a text that is longer than the file',
      'limit',
      /bytes of the text of 'x'/,
      { metadata: [['x', textType, Buffer.alloc(8, 0x7f)]] },
    ],
    [
      'a list that is longer than the file',
      'truncated',
      /within 'x'/,
      { metadata: [['x', listType, Buffer.from('0400000000ffffffff000000', 'hex')]] },
    ],
    [
      'a list of more texts than fit',
      'truncated',
      /within 'x'/,
      { metadata: [['x', listType, Buffer.from('080000000000100000000000', 'hex')]] },
    ],
    [
      'a list of lists',
      'value',
      /a list of type 9/,
      { metadata: [['x', listType, Buffer.from('090000000000000000000000', 'hex')]] },
    ],
    ['a type of value that there is not', 'value', /of type 13/, { metadata: [['x', 13, Buffer.alloc(4)]] }],
    ['a boolean of 2', 'value', /holds 2/, { metadata: [['x', 7, Buffer.of(2)]] }],
    [
      'text that is not UTF-8',
      'text',
      /not UTF-8/,
      { metadata: [['x', textType, Buffer.from('0100000000000000ff', 'hex')]] },
    ],
    [
      'a key twice',
      'duplicate',
      /'x' stands in the metadata twice/,
      {
        metadata: [
          ['x', 7, true],
          ['x', 7, true],
        ],
      },
    ],
    ['a tensor twice', 'duplicate', /two tensors/, { tensors: [two[0]!, two[0]!] }],
    ['an alignment of 0', 'metadata', /power of two/, { metadata: [['general.alignment', 4, 0]] }],
    [
      'an alignment that is a text',
      'metadata',
      /power of two/,
      { metadata: [['general.alignment', textType, '32']] },
    ],
    [
      'five dimensions',
      'shape',
      /5 dimensions/,
      { tensors: [{ name: 'a', extents: [1, 1, 1, 1, 1], data: eight }] },
    ],
    ['no dimension', 'shape', /0 dimensions/, { tensors: [{ name: 'a', extents: [], data: eight }] }],
    ['a tensor of nothing', 'shape', /cannot be/, { tensors: [{ name: 'a', extents: [0, 2], data: eight }] }],
    [
      'more elements than can be counted',
      'shape',
      /cannot be/,
      { tensors: [{ name: 'a', extents: [huge, 4n], data: eight }] },
    ],
    [
      'rows that are no whole blocks',
      'shape',
      /blocks of 256/,
      { tensors: [{ name: 'a', extents: [32], type: 12, data: eight }] },
    ],
    [
      'a type that is not known',
      'type',
      /type 77/,
      { tensors: [{ name: 'a', extents: [2], type: 77, data: eight }] },
    ],
    [
      'a tensor behind the end',
      'truncated',
      /behind the end/,
      { tensors: [{ ...two[0]!, offset: 2n ** 60n }] },
    ],
    [
      'a tensor longer than the file',
      'truncated',
      /the file has/,
      { tensors: [{ name: 'a', extents: [200], data: eight }] },
    ],
    [
      'tensors that overlap',
      'overlap',
      /inside the tensor before/,
      { tensors: [two[0]!, { ...two[1]!, offset: 4n }] },
    ],
    ['a gap between tensors', 'offset', /comes byte/, { tensors: [two[0]!, { ...two[1]!, offset: 64n }] }],
    ['a gap before tensors', 'offset', /comes byte/, { tensors: [{ ...two[0]!, offset: 32n }] }],
  ])('refuses %s', async (_, problem, message, content) => {
    const error = await problemOf(content);
    expect(error.message).toMatch(message);
    expect(error.problem).toBe(problem);
  });

  it('refuses every file that was cut short', async () => {
    const whole = ggufBytes({
      metadata: [
        ['text', textType, 'x'],
        ['list', listType, [6, [1, 2]]],
      ],
      tensors: two,
    });
    for (let length = 0; length < whole.length; length++) {
      expect((await problemOf(whole.subarray(0, length))).problem, `${length} bytes`).toBe('truncated');
    }
    await read(whole);
  });

  it('takes no memory for what a huge file only declares', async () => {
    const path = join(directory, 'sparse.gguf');
    const list = Buffer.from('08000000ffffffffff000000', 'hex');
    await writeFile(path, ggufBytes({ metadata: [['x', listType, list]] }));
    await truncate(path, 2 ** 43);
    await expect(readGguf(path)).rejects.toMatchObject({ problem: 'limit', entry: 'x' });
    // Zeros that go on for ever are empty texts.
    await writeFile(path, ggufBytes({ keyCount: 9999n }));
    await truncate(path, 2 ** 43);
    await expect(readGguf(path)).rejects.toMatchObject({ problem: 'duplicate' });
    const longText = Buffer.from('0000000001000000', 'hex');
    await writeFile(path, ggufBytes({ metadata: [['x', textType, longText]] }));
    await truncate(path, 2 ** 43);
    await expect(readGguf(path)).rejects.toMatchObject({ problem: 'limit' });
    const numbers = Buffer.from('04000000ffffffff0f000000', 'hex');
    await writeFile(path, ggufBytes({ metadata: [['x', listType, numbers]] }));
    await truncate(path, 2 ** 43);
    await expect(readGguf(path)).rejects.toMatchObject({ problem: 'limit' });
  });

  it('refuses what is no file', async () => {
    await mkdir(join(directory, 'folder'));
    await expect(readGguf(join(directory, 'folder'))).rejects.toMatchObject({ problem: 'refused' });
    await expect(readGguf(join(directory, 'absent'))).rejects.toMatchObject({ problem: 'missing' });
  });
});
