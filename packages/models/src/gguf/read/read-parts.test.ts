import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readTensor } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../__fixtures__/goldens.ts';
import { GgufError } from '../../errors.ts';
import { loadModel } from '../../load-model.ts';
import { loadTokenizer } from '../../tokenizer.ts';
import { type GgufTensorContent, ggufBytes, tinyMetadata, tinyTensors } from './__fixtures__/gguf-bytes.ts';
import { ggufModel } from './gguf-model.ts';
import { partsOfFile } from './part-names.ts';

const directory = temporaryDirectory();
const cacheDirectory = temporaryDirectory();
const golden = fileURLToPath(
  new URL('../../../../../conformance/goldens/gguf-models/qwen2-tied-bfloat16.bf16', import.meta.url),
);

async function weightValues(path: string): Promise<Map<string, number[]>> {
  const { weights } = await loadModel(path, { cacheDirectory });
  const entries = [...weights].map(async ([name, region]) => {
    const { data } = await readTensor(region);
    return [name, Array.from(data as Float32Array, Number)] as const;
  });
  return new Map(await Promise.all(entries));
}

type Metadata = Parameters<typeof tinyMetadata>[0];

interface Part {
  readonly metadata?: Metadata;
  readonly tensors: readonly GgufTensorContent[];
}

let models = 0;

/** Writes the tiny model in parts, which say of themselves what they are unless told otherwise; gives the first's path. */
async function partsOf(parts: readonly (Part | undefined)[]): Promise<string> {
  const path = join(directory, `${models++}-00001-of-0000${parts.length}.gguf`);
  const total = parts.reduce((sum, part) => sum + (part?.tensors.length ?? 0), 0);
  for (const [index, part] of parts.entries()) {
    if (part === undefined) continue;
    const keys: Metadata = {
      'split.no': [4, index],
      'split.count': [4, parts.length],
      'split.tensors.count': [5, total],
      ...part.metadata,
    };
    const own = Object.entries(keys).flatMap(([key, entry]) =>
      entry === null ? [] : [[key, ...entry] as const],
    );
    const metadata = index === 0 ? [...tinyMetadata()!, ...own] : own;
    await writeFile(partsOfFile(path)[index]!, ggufBytes({ metadata, tensors: part.tensors }));
  }
  return path;
}

const [all, none] = [tinyTensors(), []];
const [some, rest] = [all.slice(0, 4), all.slice(4)];

describe('a GGUF model in several files', () => {
  it('written by gguf-py is that in one file', async () => {
    const first = `${golden}-00001-of-00004.gguf`;
    expect(await weightValues(first)).toEqual(await weightValues(`${golden}.gguf`));
    const [tokenizer, whole] = [await loadTokenizer(first), await loadTokenizer(`${golden}.gguf`)];
    expect(tokenizer.encode('What is it?')).toEqual(whole.encode('What is it?'));
  });

  it('may have nothing but metadata in the first', async () => {
    const whole = join(directory, 'whole.gguf');
    await writeFile(whole, ggufBytes({ metadata: tinyMetadata()!, tensors: all }));
    const parts = await partsOf([{ tensors: none }, { tensors: some }, { tensors: rest }]);
    expect(await weightValues(parts)).toEqual(await weightValues(whole));
  });

  it('is read anew when a part has changed', async () => {
    const path = await partsOf([{ tensors: some }, { tensors: rest }]);
    const before = await ggufModel(path);
    const second = partsOfFile(path)[1]!;
    const bytes = await readFile(second);
    await writeFile(second, bytes.subarray(0, -4));
    await expect(ggufModel(path)).rejects.toMatchObject({ problem: 'truncated', file: second });
    await writeFile(second, bytes);
    expect((await ggufModel(path))!.file.tensors).toEqual(before!.file.tensors);
  });

  it.each<[string, GgufError['problem'], RegExp, readonly (Part | undefined)[]]>([
    ['without one', 'missing', /-00002-of-00003.gguf: /, [{ tensors: some }, undefined, { tensors: rest }]],
    [
      'with two that were exchanged',
      'split',
      /-00002-of-00003.gguf: says it is part 3 of 3; by its name it is part 2 of 3/,
      [
        { tensors: none },
        { tensors: some, metadata: { 'split.no': [4, 2] } },
        { tensors: rest, metadata: { 'split.no': [4, 1] } },
      ],
    ],
    [
      'with a file that is no part',
      'split',
      /says of no part which it is/,
      [{ tensors: some }, { tensors: rest, metadata: { 'split.no': null, 'split.count': null } }],
    ],
    [
      'with a part of another model',
      'split',
      /split.tensors.count' is 11, the 2 files hold 10: they are not of one model/,
      [{ tensors: some, metadata: { 'split.tensors.count': [5, 11] } }, { tensors: rest.slice(1) }],
    ],
    [
      'with a tensor twice',
      'duplicate',
      /-00002-of-00002.gguf: 'blk.0.attn_v.weight' is in \d+-00001-of-00002.gguf as well/,
      [{ tensors: all.slice(0, 5) }, { tensors: rest }],
    ],
    [
      'in more than its name says',
      'split',
      /is one of 3 files/,
      [{ tensors: some, metadata: { 'split.count': [4, 3] } }, { tensors: rest }],
    ],
  ])('%s is refused', async (_, problem, message, parts) => {
    const error: unknown = await loadModel(await partsOf(parts)).catch((thrown: unknown) => thrown);
    if (!GgufError.isInstance(error)) throw error;
    expect(error.problem).toBe(problem);
    expect(error.message).toMatch(message);
  });

  it('is named by the first', async () => {
    const path = await partsOf([{ tensors: some }, { tensors: rest }]);
    const error: unknown = await loadModel(partsOfFile(path)[1]!).catch((thrown: unknown) => thrown);
    if (!GgufError.isInstance(error)) throw error;
    expect(error.message).toContain(`is part 2 of 2; the first part stands for all: ${path}`);
  });
});
