import { copyFile, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contiguousData, findTensor, openCheckpoint, readTensor, readTensorBytes } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import {
  goldenAdapter,
  goldenCheckpoint,
  linearLayersOf,
  namesIn,
  useTemporaryDirectory,
} from '../__fixtures__/folders.ts';
import { createLoraAdapter } from '../adapter/adapter.ts';
import { AdapterMismatchError, MergeTargetError } from '../errors.ts';
import { loadLoraAdapter } from '../files/peft-files.ts';
import { mergedWeight } from './merge.ts';
import { mergedTensors, writeMergedCheckpoint } from './merge-checkpoint.ts';

const temporaryDirectory = useTemporaryDirectory();

async function adapterFor(checkpoint: string, config = {}) {
  const adapter = createLoraAdapter(await linearLayersOf(checkpoint), { r: 3, ...config }, { seed: 2 });
  adapter.parameters.forEach((value, index) => {
    if (value === 0) adapter.parameters[index] = Math.sin(index) / 10;
  });
  return adapter;
}

describe('writeMergedCheckpoint', () => {
  it.each([
    'llama-untied-float32',
    'qwen2-tied-bfloat16',
    'llama-untied-float16',
    'qwen2-untied-float32-sharded',
  ])('%s: adapted weights are W + scale B A in their stored type, all else is the same', async (name) => {
    const source = goldenCheckpoint(name);
    const adapter = await adapterFor(source, { target_modules: ['q_proj', 'down_proj'] });
    const target = join(temporaryDirectory(), 'merged');
    await writeMergedCheckpoint(source, adapter, target);

    const [before, after] = [await openCheckpoint(source), await openCheckpoint(target)];
    expect([...after.tensors.keys()].sort()).toEqual([...before.tensors.keys()].sort());
    expect(after.files.map((file) => file.slice(target.length))).toEqual(
      before.files.map((file) => file.slice(source.length)),
    );
    const modules = new Map(adapter.modules.map((module) => [`${module.name}.weight`, module]));
    const precision = { bfloat16: 2 ** -8, float16: 2 ** -11, float32: 0 }[name.match(/b?float\d+/)![0]]!;
    for (const [tensor, region] of before.tensors) {
      const written = findTensor(after, tensor);
      expect([written.dtype, written.shape]).toEqual([region.dtype, region.shape]);
      const module = modules.get(tensor);
      if (module === undefined) {
        expect(await readTensorBytes(written)).toEqual(await readTensorBytes(region));
        continue;
      }
      const exact = contiguousData(mergedWeight(await readTensor(region), module)) as Float32Array;
      expect(exact).not.toEqual(contiguousData(await readTensor(region)));
      (contiguousData(await readTensor(written)) as Float32Array).forEach((value, index) => {
        expect(Math.abs(value - exact[index]!)).toBeLessThanOrEqual(
          Math.abs(exact[index]!) * precision + precision * 1e-4,
        );
      });
    }
    const kept = (await namesIn(source)).filter(
      (entry) => !/^expected/.test(entry) && !entry.endsWith('.safetensors'),
    );
    expect(await namesIn(target)).toEqual(expect.arrayContaining(kept));
    expect(await readFile(join(target, 'config.json'))).toEqual(await readFile(join(source, 'config.json')));
    expect(await namesIn(temporaryDirectory())).toEqual(['merged']);
  });

  it('keeps the update whole in float32, and names that type in config.json', async () => {
    const source = goldenCheckpoint('qwen2-tied-bfloat16');
    const adapter = await adapterFor(source, { target_modules: ['v_proj'] });
    await mkdir(join(temporaryDirectory(), 'merged'));
    const target = join(temporaryDirectory(), 'merged');
    await writeMergedCheckpoint(source, adapter, target, { dtype: 'float32' });
    const [before, after] = [await openCheckpoint(source), await openCheckpoint(target)];
    const module = adapter.modules[0]!;
    const weight = findTensor(after, `${module.name}.weight`);
    expect(weight.dtype).toBe('float32');
    const exact = mergedWeight(await readTensor(findTensor(before, weight.name)), module);
    expect(contiguousData(await readTensor(weight))).toEqual(contiguousData(exact));
    const config = JSON.parse(await readFile(join(target, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect([config.dtype, config.torch_dtype]).toContain('float32');
  });

  it('reads a checkpoint of links, as the cache of the hub holds', async () => {
    const golden = goldenCheckpoint('qwen2-untied-float32-sharded');
    const repository = join(temporaryDirectory(), 'models--org--name');
    const source = join(repository, 'snapshots', '0123abc');
    await mkdir(source, { recursive: true });
    await mkdir(join(repository, 'blobs'));
    for (const [index, name] of (await namesIn(golden)).entries()) {
      await copyFile(join(golden, name), join(repository, 'blobs', `${index}`));
      await symlink(`../../blobs/${index}`, join(source, name));
    }
    const target = join(temporaryDirectory(), 'merged');
    await writeMergedCheckpoint(source, await adapterFor(source), target);
    const [before, after] = [await openCheckpoint(golden), await openCheckpoint(target)];
    expect(after.files.length).toBeGreaterThan(1);
    expect([...after.tensors.keys()].sort()).toEqual([...before.tensors.keys()].sort());
  });

  it('copies no secret that a file beside the weights is a link to', async () => {
    const source = join(temporaryDirectory(), 'source');
    await cp(goldenCheckpoint('llama-untied-float32'), source, { recursive: true });
    await writeFile(join(temporaryDirectory(), 'secret'), 'hunter2');
    await symlink('../secret', join(source, 'LICENSE'));
    const merging = writeMergedCheckpoint(
      source,
      await adapterFor(source),
      join(temporaryDirectory(), 'merged'),
    );
    await expect(merging).rejects.toMatchObject({ name: 'FileReadError', problem: 'outside' });
    expect(await namesIn(temporaryDirectory())).toEqual(['secret', 'source']);
  });

  it.each(['float16', 'bfloat16'] as const)('rounds all weights to %s when asked', async (dtype) => {
    const source = goldenCheckpoint('llama-untied-float32');
    const adapter = await adapterFor(source, { target_modules: ['v_proj'] });
    const target = join(temporaryDirectory(), 'merged');
    await writeMergedCheckpoint(source, adapter, target, { dtype });
    const [before, after] = [await openCheckpoint(source), await openCheckpoint(target)];
    const merged = await mergedTensors(before, adapter);
    expect(merged.size).toBe(adapter.modules.length);
    const precision = dtype === 'float16' ? 2 ** -11 : 2 ** -8;
    for (const region of before.tensors.values()) {
      const written = findTensor(after, region.name);
      expect(written.dtype).toBe(dtype);
      const exact = contiguousData((await merged.get(region.name)?.()) ?? (await readTensor(region)));
      (contiguousData(await readTensor(written)) as Float32Array).forEach((value, index) => {
        const wanted = exact[index] as number;
        expect(Math.abs(value - wanted)).toBeLessThanOrEqual(Math.abs(wanted) * precision + 2 ** -25);
      });
    }
    expect(JSON.parse(await readFile(join(target, 'config.json'), 'utf8')).dtype).toBe(dtype);
  });

  it('takes the place of another checkpoint when asked, and of nothing else', async () => {
    const source = goldenCheckpoint('llama-untied-float32');
    const adapter = await adapterFor(source, { target_modules: ['q_proj'] });
    const target = join(temporaryDirectory(), 'merged');
    await cp(goldenCheckpoint('qwen2-untied-float32-sharded'), target, { recursive: true });
    await writeMergedCheckpoint(source, adapter, target, { replace: true });
    expect(await namesIn(target)).toEqual(
      (await namesIn(source)).filter((name) => !/^expected.*s$/.test(name)),
    );
    for (const foreign of ['notes.docx', 'adapter_config.json']) {
      await writeFile(join(target, foreign), '{}');
      const replacing = writeMergedCheckpoint(source, adapter, target, { replace: true });
      await expect(replacing).rejects.toSatisfy(MergeTargetError.isInstance);
      await expect(replacing).rejects.toThrow(foreign);
      await rm(join(target, foreign));
    }
    expect(await namesIn(temporaryDirectory())).toEqual(['merged']);
  });

  it('refuses a folder that holds something, and leaves nothing behind when it fails', async () => {
    const source = goldenCheckpoint('llama-untied-float32');
    const adapter = await adapterFor(source);
    await writeFile(join(temporaryDirectory(), 'note.txt'), 'mine');
    const occupied = writeMergedCheckpoint(source, adapter, temporaryDirectory());
    await expect(occupied).rejects.toSatisfy(MergeTargetError.isInstance);
    const file = writeMergedCheckpoint(source, adapter, join(temporaryDirectory(), 'note.txt'));
    await expect(file).rejects.toThrow('is a file');
    expect(await namesIn(temporaryDirectory())).toEqual(['note.txt']);

    const wide = await adapterFor(goldenCheckpoint('llama-untied-float16'), { target_modules: ['q_proj'] });
    wide.parameters.fill(1e4);
    const overflowing = writeMergedCheckpoint(
      goldenCheckpoint('llama-untied-float16'),
      wide,
      join(temporaryDirectory(), 'out'),
    );
    await expect(overflowing).rejects.toThrow('too large for float16');
    expect(await namesIn(temporaryDirectory())).toEqual(['note.txt']);
  });

  it('refuses an adapter for another checkpoint, naming the module', async () => {
    const source = goldenCheckpoint('llama-untied-float32');
    const target = join(temporaryDirectory(), 'out');
    const elsewhere = createLoraAdapter(
      [{ name: 'model.layers.77.self_attn.q_proj', inFeatures: 4, outFeatures: 4 }],
      { r: 2, target_modules: ['q_proj'] },
    );
    const missing = writeMergedCheckpoint(source, elsewhere, target);
    await expect(missing).rejects.toMatchObject({ module: 'model.layers.77.self_attn.q_proj' });
    const layers = (await linearLayersOf(source)).map((layer) => ({
      ...layer,
      inFeatures: layer.inFeatures + 1,
    }));
    const misshapen = writeMergedCheckpoint(source, createLoraAdapter(layers, { r: 2 }), target);
    await expect(misshapen).rejects.toSatisfy(AdapterMismatchError.isInstance);
    expect(await namesIn(temporaryDirectory())).toEqual([]);
  });
});

describe.skipIf(pythonWith() === undefined)(
  'live, against Python peft (skipped: no Python with peft)',
  () => {
    it('the merged checkpoint gives the logits that PEFT gives with the adapter', async () => {
      const source = goldenCheckpoint('qwen2-tied-bfloat16');
      const original = goldenAdapter('qwen2-rslora-all-projections');
      const adapter = await loadLoraAdapter(original, { layers: await linearLayersOf(source) });
      const target = join(temporaryDirectory(), 'merged');
      await writeMergedCheckpoint(source, adapter, target, { dtype: 'float32' });
      const run = async (model: string, ...rest: string[]) => {
        const args = ['--model', model, '--input-ids', '[[5, 9, 2, 7, 11, 4], [3, 1]]', ...rest];
        const answer = await runPython('verify_adapter.py', args);
        return answer as { logits: number[][][]; largestChange?: number };
      };
      const [merged, adapted] = [await run(target), await run(source, '--adapter', original)];
      const expected = adapted.logits.flat(2);
      const difference = Math.max(
        ...merged.logits.flat(2).map((value, index) => Math.abs(value - expected[index]!)),
      );
      expect(difference).toBeLessThan(1e-4);
      expect(adapted.largestChange).toBeGreaterThan(0.1);
    });
  },
);
