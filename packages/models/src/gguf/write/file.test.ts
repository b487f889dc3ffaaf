import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSafetensors, readTensor } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../__fixtures__/goldens.ts';
import { ExportError } from '../../errors.ts';
import { type GgufMetadata, type GgufTensor, writeGguf } from './file.ts';
import { encodeValues, type GgufTensorType } from './tensor-bytes.ts';

const directory = temporaryDirectory();
const goldens = fileURLToPath(new URL('../../../../../conformance/goldens/gguf', import.meta.url));
const types: readonly GgufTensorType[] = ['f32', 'f16', 'bf16', 'q8_0'];
const refuse = (index: number): never => {
  throw new RangeError(`value ${index}`);
};

describe('writeGguf', () => {
  it("writes the bytes that gguf-py's GGUFWriter writes", async () => {
    const values = Float32Array.from(
      { length: 3 * 64 },
      (_, index) => Math.fround(index - 90) / Math.fround(7),
    );
    const metadata: GgufMetadata = {
      'general.architecture': { type: 'string', value: 'llama' },
      'a.count': { type: 'uint32', value: 7 },
      'a.negative': { type: 'int32', value: -7 },
      'a.real': { type: 'float32', value: 0.1 },
      'a.yes': { type: 'bool', value: true },
      'a.no': { type: 'bool', value: false },
      'a.text': { type: 'string', value: 'Straße 你好 🙂\n' },
      'a.texts': { type: 'strings', value: ['', 'Ġthe', '▁ two'] },
      'a.integers': { type: 'int32s', value: [1, -2, 3] },
      'a.counts': { type: 'uint32s', value: [1, 2, 3] },
      'a.reals': { type: 'float32s', value: [0.5, -1.25] },
    };
    const matrices = types.map(
      // In two chunks: what is written does not depend on how values come.
      (type): GgufTensor => ({
        name: type,
        shape: [3, 64],
        type,
        chunks: () => [values.slice(0, 96), values.slice(96)],
      }),
    );
    const vector: GgufTensor = {
      name: 'vector',
      shape: [5],
      type: 'f32',
      chunks: () => [values.slice(0, 5)],
    };
    const path = join(directory, 'container.gguf');
    await writeGguf(path, metadata, [...matrices, vector]);
    expect(await readFile(path)).toEqual(await readFile(join(goldens, 'container.gguf')));
  });

  const tensor = (changes: Partial<GgufTensor> = {}): GgufTensor => ({
    name: 't',
    shape: [1, 32],
    type: 'f16',
    chunks: () => [new Float32Array(32)],
    ...changes,
  });
  it.each([
    ['half of a character', { key: { type: 'string', value: '\ud83d' } }, tensor(), 'half of a character'],
    ['rows that fill no blocks', {}, tensor({ shape: [1, 33], type: 'q8_0' }), 'no multiple of 32'],
    ['values too large', {}, tensor({ chunks: () => [new Float32Array(32).fill(7e4)] }), 'too large for f16'],
    ['NaN', {}, tensor({ type: 'f32', chunks: () => [new Float32Array(32).fill(Number.NaN)] }), 'not finite'],
    ['too few values', {}, tensor({ chunks: () => [new Float32Array(31)] }), 'gave 62 bytes where'],
  ] satisfies [string, GgufMetadata, GgufTensor, string][])(
    'refuses %s, and leaves nothing behind',
    async (_, metadata, refused, message) => {
      const path = join(directory, 'refused.gguf');
      const writing = writeGguf(path, metadata, [refused]);
      await expect(writing).rejects.toSatisfy(ExportError.isInstance);
      await expect(writing).rejects.toThrow(message);
      expect((await readdir(directory)).filter((name) => name.startsWith('refused'))).toEqual([]);
    },
  );
});

describe('encodeValues', () => {
  it.each(types.filter((type) => type !== 'f32'))("%s has the bytes of gguf-py's quantize", async (type) => {
    const { tensors } = await openSafetensors(join(goldens, 'values.safetensors'));
    const values = (await readTensor(tensors.get('values')!)).data as Float32Array;
    const expected = (await readTensor(tensors.get(type)!)).data as Uint8Array;
    expect(Buffer.from(encodeValues(type, values, refuse))).toEqual(Buffer.from(expected));
  });

  it('names the first value that a type cannot hold', () => {
    const values = new Float32Array(64).fill(1);
    values[40] = Number.POSITIVE_INFINITY;
    for (const type of types) expect(() => encodeValues(type, values, refuse)).toThrow('value 40');
    values[40] = 1e38;
    // A float16 scale reaches 127 times as far as a float16.
    for (const type of ['f16', 'q8_0'] as const)
      expect(() => encodeValues(type, values, refuse)).toThrow('value 40');
    for (const type of ['f32', 'bf16'] as const)
      expect(() => encodeValues(type, values, refuse)).not.toThrow();
  });

  it('gives the values of a block whose scale rounds to zero as zeros', () => {
    const bytes = encodeValues('q8_0', new Float32Array(32).fill(1e-44), refuse);
    expect(bytes).toEqual(new Uint8Array(34));
  });
});
