import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostArray, openCheckpoint, readTensor } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  checkpointCopies,
  type GoldenName,
  goldenDirectory,
  temporaryDirectory,
} from '../../__fixtures__/goldens.ts';
import { ExportError } from '../../errors.ts';
import { parseGguf } from './__fixtures__/parse-gguf.ts';
import { writeGgufModel } from './model.ts';
import { interleaveHeads } from './places.ts';
import type { GgufTensorType } from './tensor-bytes.ts';

const directory = temporaryDirectory();
const copy = checkpointCopies();
const goldens = fileURLToPath(
  new URL('../../../../../conformance/goldens/gguf/expected.json', import.meta.url),
);

interface Expected {
  readonly checkpoint: GoldenName;
  readonly type: GgufTensorType;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, { type: string; shape: number[]; sha256: string }>>;
  readonly ropeFactors?: readonly number[];
}

const { models }: { models: Expected[] } = JSON.parse(await readFile(goldens, 'utf8'));

/** As the goldens give long values. */
function shortened(value: unknown): unknown {
  const isLong = (typeof value === 'string' || Array.isArray(value)) && [...value].length > 40;
  if (!isLong) return value;
  const sha256 = createHash('sha256').update(JSON.stringify(value)).digest('hex');
  return { length: [...(value as string)].length, sha256 };
}

describe('writeGgufModel', () => {
  it.each(models)("$checkpoint as $type is what llama.cpp's converter makes of it", async (expected) => {
    const { checkpoint, type, metadata, tensors, ropeFactors } = expected;
    const path = join(directory, `${checkpoint}.gguf`);
    const written = await writeGgufModel(goldenDirectory(checkpoint), path, { type });
    const found = await parseGguf(path);

    const rounded = Object.entries(metadata).map(([key, value]) => [
      key,
      /eps|freq_base/.test(key) ? Math.fround(value as number) : value,
    ]);
    const actual = Object.entries(found.metadata).map(([key, value]) => [key, shortened(value)]);
    expect(Object.fromEntries(actual)).toEqual(Object.fromEntries(rounded));

    const { 'rope_freqs.weight': factors, ...others } = found.tensors;
    const facts = Object.entries(others).map(([name, { bytes: _, ...tensor }]) => [name, tensor]);
    expect(Object.fromEntries(facts)).toEqual(tensors);
    const values = factors && new Float32Array(new Uint8Array(factors.bytes).buffer);
    expect(values?.length).toBe(ropeFactors?.length);
    values?.forEach((value, index) => {
      expect(value / ropeFactors![index]!).toBeCloseTo(1, 5);
    });
    expect(written.tensors).toBe(Object.keys(found.tensors).length);
  });

  it('takes tensors that replace stored ones, in the order of llama.cpp', async () => {
    const source = goldenDirectory('llama-untied-float32');
    const name = 'model.layers.1.self_attn.k_proj.weight';
    const region = (await openCheckpoint(source)).tensors.get(name)!;
    const values = Float32Array.from({ length: region.byteLength / 4 }, (_, index) => index);
    const path = join(directory, 'replaced.gguf');
    const replaced = new Map([[name, async () => hostArray(values, region.shape)]]);
    await writeGgufModel(source, path, { type: 'f32', replaced, name: 'mine' });
    const { metadata, tensors } = await parseGguf(path);
    expect(metadata['general.name']).toBe('mine');
    const { bytes } = tensors['blk.1.attn_k.weight']!;
    const written = new Float32Array(new Uint8Array(bytes).buffer);
    expect(written).toEqual(interleaveHeads(values, region.shape[0]!, 2));
    // Heads of 8 rows: row 1 is the first of the upper half, row 2 the second of the lower.
    const columns = region.shape[1]!;
    expect([written[columns], written[2 * columns]]).toEqual([4 * columns, columns]);
    const stored = (await readTensor((await openCheckpoint(source)).tensors.get('lm_head.weight')!)).data;
    expect(new Float32Array(new Uint8Array(tensors['output.weight']!.bytes).buffer)).toEqual(stored);
  });

  it.each([
    [
      'a tokenizer without merges',
      { tokenizer: { model: { type: 'WordLevel', vocab: {}, unk_token: '?' } } },
      'WordLevel',
    ],
    [
      'words split in a way of its own',
      { tokenizer: { pre_tokenizer: { type: 'Punctuation', behavior: 'Isolated' } } },
      'no pre-tokenizer',
    ],
    ['a normaliser', { tokenizer: { normalizer: { type: 'Lowercase' } } }, 'does not normalise text'],
  ])('refuses %s', async (_, changes, message) => {
    const folder = await copy('llama-untied-float32', {});
    const file = join(folder, 'tokenizer.json');
    const content = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify({ ...content, ...changes.tokenizer }));
    const writing = writeGgufModel(folder, join(directory, 'refused.gguf'));
    await expect(writing).rejects.toSatisfy(ExportError.isInstance);
    await expect(writing).rejects.toThrow(message);
  });
});
