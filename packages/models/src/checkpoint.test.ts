import { readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CheckpointError,
  type HostArray,
  hostArray,
  readTensor,
  SafetensorsError,
  type WritableTensor,
  writeSafetensors,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  checkpointCopies,
  type GoldenName,
  goldenDirectory,
  goldenTensors,
  temporaryDirectory,
} from './__fixtures__/goldens.ts';
import { CheckpointMismatchError, ModelFileError } from './errors.ts';
import { loadModel } from './load-model.ts';

const copy = checkpointCopies();
const cacheDirectory = temporaryDirectory();

/** A copy with other tensors: those of the golden, changed. */
async function withTensors(
  name: GoldenName,
  change: (tensors: Record<string, HostArray>) => Record<string, WritableTensor>,
  config: Record<string, unknown> = {},
): Promise<string> {
  const directory = await copy(name, { config });
  await writeSafetensors(
    join(directory, 'model.safetensors'),
    change(await goldenTensors(name, 'model.safetensors')),
  );
  return directory;
}

async function mismatchOf(directory: string): Promise<CheckpointMismatchError> {
  const error: unknown = await loadModel(directory, { cacheDirectory }).catch((caught: unknown) => caught);
  if (!CheckpointMismatchError.isInstance(error)) throw error;
  return error;
}

const gate = 'model.layers.0.mlp.gate_proj.weight';
const norm = 'model.norm.weight';

describe('weights of a checkpoint', () => {
  it('are float32 regions by name: in place for F32, converted once for the rest', async () => {
    const inPlace = await loadModel(goldenDirectory('llama-untied-float32'), { cacheDirectory });
    expect(inPlace.weights.get(norm)!.file).toBe(
      join(goldenDirectory('llama-untied-float32'), 'model.safetensors'),
    );
    const converted = await loadModel(goldenDirectory('llama-untied-float16'), { cacheDirectory });
    for (const region of converted.weights.values()) {
      expect(region.dtype).toBe('float32');
      expect(region.file.startsWith(cacheDirectory)).toBe(true);
    }
    const files = await readdir(cacheDirectory);
    await loadModel(goldenDirectory('llama-untied-float16'), { cacheDirectory });
    expect(await readdir(cacheDirectory)).toEqual(files);
  });

  it('are the same from shards and from one file', async () => {
    const name = 'qwen2-untied-float32-sharded';
    const sharded = await loadModel(goldenDirectory(name));
    const tensors = await Promise.all(
      [...sharded.weights].map(async ([key, region]) => [key, await readTensor(region)] as const),
    );
    const directory = await copy(name);
    await writeSafetensors(join(directory, 'model.safetensors'), Object.fromEntries(tensors));
    const single = await loadModel(directory);
    expect([...single.weights.keys()]).toEqual([...sharded.weights.keys()]);
    for (const [key, region] of single.weights) {
      expect((await readTensor(region)).data).toEqual((await readTensor(sharded.weights.get(key)!)).data);
    }
  });

  it('do not include rotary buffers', async () => {
    const directory = await withTensors('llama-untied-float32', (tensors) => ({
      ...tensors,
      'model.layers.0.self_attn.rotary_emb.inv_freq': hostArray(new Float32Array(4), [4]),
    }));
    const model = await loadModel(directory);
    expect([...model.weights.keys()].some((name) => name.includes('inv_freq'))).toBe(false);
  });

  it('that are missing, unexpected, misshapen or of another type are all named', async () => {
    const directory = await withTensors('llama-untied-float32', ({ [gate]: _gate, ...tensors }) => ({
      ...tensors,
      'model.layers.7.extra.weight': hostArray(new Float32Array(2), [2]),
      [norm]: hostArray(new Float32Array(31), [31]),
      'lm_head.weight': hostArray(new Int8Array(384 * 32), [384, 32]),
    }));
    const error = await mismatchOf(directory);
    expect(error.missing).toEqual([gate]);
    expect(error.unexpected).toEqual(['model.layers.7.extra.weight']);
    expect(error.misshapen).toEqual([{ name: norm, expected: [32], actual: [31] }]);
    expect(error.unusable).toEqual([{ name: 'lm_head.weight', dtype: 'int8' }]);
    for (const text of [directory, gate, 'extra', '[31] instead of [32]', 'lm_head.weight int8']) {
      expect(error.message).toContain(text);
    }
  });

  it('that are far too few for config.json are found before anything is built by its numbers', async () => {
    const directory = await copy('llama-untied-float32', { config: { num_hidden_layers: 1e9 } });
    const error: unknown = await loadModel(directory).catch((caught: unknown) => caught);
    expect(ModelFileError.isInstance(error) && error.message).toMatch(
      /num_hidden_layers is 1000000000, but the checkpoint holds 21 tensors/,
    );
  });

  it('that are a million too many do not make a message of a million names', async () => {
    const directory = await withTensors('llama-untied-float32', (tensors) => {
      const extra = Array.from({ length: 50_000 }, (_, index) => [
        `\u001b[2Jmodel.extra.${index}`,
        hostArray(new Float32Array(0), [0]),
      ]);
      return { ...tensors, ...Object.fromEntries(extra) };
    });
    const error = await mismatchOf(directory);
    expect(error.unexpected).toHaveLength(50_000);
    expect(error.message).toMatch(/50000 unexpected: \\u001b\[2Jmodel.*and 49992 more$/);
    expect(error.message.length).toBeLessThan(1000);
  });

  it('that config.json does not describe are refused: biases that are not there, and those too many', async () => {
    const biased = await copy('llama-untied-float32', { config: { attention_bias: true } });
    expect((await mismatchOf(biased)).missing).toContain('model.layers.0.self_attn.o_proj.bias');
    const unbiased = await copy('qwen2-tied-bfloat16', {
      config: { model_type: 'llama', max_window_layers: undefined },
    });
    expect((await mismatchOf(unbiased)).unexpected).toContain('model.layers.0.self_attn.q_proj.bias');
  });

  it('that are absent or cut short are refused by the reader', async () => {
    const absent = await copy('llama-untied-float32', { without: ['model.safetensors'] });
    await expect(loadModel(absent)).rejects.toSatisfy(CheckpointError.isInstance);
    const shardless = await copy('qwen2-untied-float32-sharded', {
      without: ['model-00002-of-00003.safetensors'],
    });
    await expect(loadModel(shardless)).rejects.toSatisfy(CheckpointError.isInstance);
    const cut = await copy('llama-untied-float32');
    await truncate(join(cut, 'model.safetensors'), 100_000);
    await expect(loadModel(cut)).rejects.toSatisfy(SafetensorsError.isInstance);
  });
});
