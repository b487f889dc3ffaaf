import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  compile,
  type HostArray,
  hostArray,
  openSafetensors,
  readTensor,
  tensorType,
  type WritableTensor,
  writeSafetensors,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../conformance/python.ts';
import {
  checkpointCopies,
  type GoldenName,
  goldenTensors,
  temporaryDirectory,
} from './__fixtures__/goldens.ts';
import type { CausalLm } from './causal-lm.ts';
import { CheckpointMismatchError } from './errors.ts';
import { loadModel } from './load-model.ts';

const copy = checkpointCopies();
const cacheDirectory = temporaryDirectory();
const [embedding, head] = ['model.embed_tokens.weight', 'lm_head.weight'];

/** A copy of a golden with other tensors, in the type that they are stored in. */
async function withTensors(
  name: GoldenName,
  dtype: 'float32' | 'bfloat16',
  change: (tensors: Record<string, HostArray>) => Record<string, HostArray>,
  config: Record<string, unknown> = {},
): Promise<string> {
  const directory = await copy(name, { config });
  const tensors = change(await goldenTensors(name, 'model.safetensors'));
  const stored = Object.entries(tensors).map(([key, array]): [string, WritableTensor] => [
    key,
    dtype === 'float32' ? array : { dtype, array },
  ]);
  await writeSafetensors(join(directory, 'model.safetensors'), Object.fromEntries(stored), {
    metadata: { format: 'pt' },
  });
  return directory;
}

async function logitsOf(model: CausalLm, tokenIds: HostArray): Promise<HostArray> {
  const executable = await compile(({ ids }) => ({ logits: model.head(model.forward(ids).output) }), {
    ids: tensorType('int64', ['batch', 'seq']),
  });
  const { logits } = await executable.run({ ids: tokenIds });
  await executable.release();
  return logits;
}

/** Largest difference from what transformers computed, in the first row, which has no padding. */
async function differenceFromGolden(model: CausalLm, name: GoldenName): Promise<number> {
  const { input_ids, logits: expected } = await goldenTensors(name);
  const logits = await logitsOf(model, input_ids!);
  const [, width, vocabulary] = expected!.shape as [number, number, number];
  const values = Array.from({ length: width * vocabulary }, (_, index) => index);
  return Math.max(
    ...values.map((index) => Math.abs(Number(logits.data[index]) - Number(expected!.data[index]))),
  );
}

describe('the output layer of a configuration that ties it', () => {
  it('is the one of the file where that differs from the embedding', async () => {
    const name = 'llama-untied-float32';
    const directory = await copy(name, { config: { tie_word_embeddings: true } });
    const model = await loadModel(directory, { cacheDirectory });
    expect(model.config.tieWordEmbeddings).toBe(false);
    expect(model.weights.has(head!)).toBe(true);
    expect(await differenceFromGolden(model, name)).toBeLessThan(1e-4);
  });

  it('is the embedding where the file holds a copy of it', async () => {
    const name = 'qwen2-tied-bfloat16';
    const directory = await withTensors(name, 'bfloat16', (tensors) => ({
      ...tensors,
      [head!]: tensors[embedding!]!,
    }));
    const model = await loadModel(directory, { cacheDirectory });
    expect(model.config.tieWordEmbeddings).toBe(true);
    expect(model.weights.has(head!)).toBe(false);
    expect(await differenceFromGolden(model, name)).toBeLessThan(1e-4);
  });

  it('is the embedding as well where the file holds it alone', async () => {
    const name = 'qwen2-tied-bfloat16';
    const directory = await withTensors(name, 'bfloat16', ({ [embedding!]: only, ...tensors }) => ({
      ...tensors,
      [head!]: only!,
    }));
    for (const precision of ['float32', 'int8x3'] as const) {
      const model = await loadModel(directory, { cacheDirectory, precision });
      expect(model.config.tieWordEmbeddings).toBe(true);
      expect(await differenceFromGolden(model, name)).toBeLessThan(precision === 'float32' ? 1e-4 : 0.2);
    }
  });

  it('differs by one value in the last of several chunks', async () => {
    const name = 'qwen2-tied-bfloat16';
    const directory = await withTensors(name, 'float32', (tensors) => {
      const { data, shape } = tensors[embedding!]!;
      const changed = Float32Array.from(data as Float32Array);
      changed[changed.length - 1]! += 1;
      return { ...tensors, [head!]: hostArray(changed, [...shape]) };
    });
    expect((await loadModel(directory, { cacheDirectory })).config.tieWordEmbeddings).toBe(false);
  });
});

it('an output layer that is missing, and not tied, is an error, not a random one', async () => {
  const directory = await withTensors(
    'llama-untied-float32',
    'float32',
    ({ [head!]: _head, ...tensors }) => tensors,
  );
  const error: unknown = await loadModel(directory, { cacheDirectory }).catch((caught: unknown) => caught);
  expect(CheckpointMismatchError.isInstance(error) && error.missing).toEqual([head]);
});

describe.skipIf(pythonWith() === undefined)(
  'configurations as Python transformers reads them (skipped without it)',
  () => {
    it.each<[string, GoldenName, Record<string, unknown>]>([
      ['a tied one over a different head', 'llama-untied-float32', { tie_word_embeddings: true }],
      [
        'first positions beside the rotary settings',
        'llama-tied-bfloat16-rope-scaled',
        { original_max_position_embeddings: 16 },
      ],
    ])('%s', async (_, name, config) => {
      const folder = await copy(name, { config });
      await rm(join(folder, 'expected.json'));
      const ids = Array.from({ length: 40 }, (_value, index) => (index * 101) % 384);
      const out = join(cacheDirectory, `${name}.safetensors`);
      await runPython('verify_adapter.py', [
        '--model',
        folder,
        '--input-ids',
        JSON.stringify([ids]),
        '--out',
        out,
      ]);
      const expected = await readTensor((await openSafetensors(out)).tensors.get('logits')!);
      const model = await loadModel(folder, { cacheDirectory });
      const logits = await logitsOf(model, hostArray(BigInt64Array.from(ids, BigInt), [1, ids.length]));
      expect(logits.shape).toEqual(expected.shape);
      const differences = [...logits.data.keys()].map((index) =>
        Math.abs(Number(logits.data[index]) - Number(expected.data[index])),
      );
      expect(Math.max(...differences)).toBeLessThan(1e-4);
    });
  },
);
