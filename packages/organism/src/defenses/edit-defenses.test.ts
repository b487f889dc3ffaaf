import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadLoraAdapter, mergedTensors, weightUpdate } from '@safetune/lora';
import { extrapolateWeight, safeMerge } from '@safetune/regularizers';
import { findTensor, type HostArray, openCheckpoint, readTensor } from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { growTiny } from '../__fixtures__/small-organisms.ts';
import { type Laboratories, openLaboratories } from '../examine/laboratories.ts';
import type { Laboratory } from '../examine/laboratory.ts';
import type { FineTuneTask } from '../tasks/fine-tune-task.ts';
import type { DefenseContext } from './defense.ts';
import { loxDefense, safeDeltaDefense, safeMergeDefense } from './edit-defenses.ts';
import { createPreparations, type Preparations } from './preparations.ts';

let organism: Awaited<ReturnType<typeof growTiny>>;
let laboratories: Laboratories;
let laboratory: Laboratory;
let preparations: Preparations;
let folder: string;
beforeAll(async () => {
  organism = await growTiny();
  laboratories = await openLaboratories(organism);
  laboratory = laboratories.aligned;
  preparations = createPreparations(laboratory);
  folder = await mkdtemp(join(tmpdir(), 'safetune-edits-'));
});
afterAll(async () => {
  await laboratories.close();
  await organism.remove();
  await rm(folder, { recursive: true });
});

const task: FineTuneTask = { kind: 'narrow', name: 'medical' };
const context = (): DefenseContext => ({ laboratory, task, seed: 0, exampleCount: 120, preparations });
const values = ({ data }: HostArray) => [...(data as Float32Array)];
const close = (wanted: HostArray) => values(wanted).map((value) => expect.closeTo(value, 6));
/** ||found - wanted|| / ||wanted|| */
const distance = (found: HostArray, wanted: HostArray) =>
  Math.hypot(...values(found).map((value, at) => value - (wanted.data[at] as number))) /
  Math.hypot(...values(wanted));
const weight = async (directory: string, name: string) =>
  readTensor(findTensor(await openCheckpoint(directory), name));

describe('LoX', () => {
  const name = 'model.layers.1.mlp.up_proj.weight';

  it('has a model fine-tuned that was taken further the way alignment went, six directions of each matrix', async () => {
    const [weak, strong] = [loxDefense('lox', 0.5), loxDefense('lox', 1.25)];
    const directory = await strong.edit!.before!(preparations);
    const pair = {
      base: await weight(organism.baseDirectory, name),
      aligned: await weight(organism.alignedDirectory, name),
    };
    const wanted = await extrapolateWeight(pair, { rank: 6, factor: 1.25 });
    expect(values(await weight(directory, name))).toEqual(close(wanted.values));
    expect(values(wanted.values)).not.toEqual(values(pair.aligned));
    // Made once, at each strength.
    expect(await strong.edit!.before!(createPreparations(laboratory))).toBe(directory);
    expect(await weak.edit!.before!(preparations)).not.toBe(directory);
  });

  it('is fine-tuned in a laboratory of its own, the same each time, and the aligned one stays', async () => {
    const learned: Float32Array[] = [];
    for (const factor of [1.25, undefined, 1.25, 0.5]) {
      const directory = factor === undefined ? undefined : await preparations.extrapolated(factor);
      const own = await laboratories.of(directory);
      expect(own.model.directory).toBe(directory ?? organism.alignedDirectory);
      await own.fineTune({ task, seed: 0 });
      learned.push(own.adapter.parameters.slice());
    }
    expect(learned[2]).toEqual(learned[0]);
    expect(learned[1]).not.toEqual(learned[0]);
    expect(learned[3]).not.toEqual(learned[0]);
    expect(await laboratories.of(undefined)).toBe(laboratory);
  });
});

describe('SafeMERGE', () => {
  it('gives modules that left the direction of alignment the updates of the safe adapter, and no other', async () => {
    const safe = await loadLoraAdapter(await preparations.safeAdapter());
    await laboratory.fineTune({ task, seed: 0 });
    const tuned = laboratory.adapter.modules.map(weightUpdate);
    const { modules } = await safeMerge(
      { adapter: laboratory.adapter, safe },
      { base: organism.baseDirectory, aligned: organism.alignedDirectory, threshold: 0.65 },
    );
    expect(await safeMergeDefense('safe-merge', 1).edit!.after!(context(), folder)).toBe(undefined);
    const count = { merged: 0, left: 0 };
    for (const [index, module] of laboratory.adapter.modules.entries()) {
      const { merged } = modules[index]!;
      count[merged ? 'merged' : 'left']++;
      const wanted = merged
        ? weightUpdate(safe.modules.find(({ name }) => name === module.name)!)
        : tuned[index]!;
      expect(distance(weightUpdate(module), wanted), module.name).toBeLessThan(1e-4);
    }
    expect(count.merged).toBeGreaterThan(0);
    expect(count.merged + count.left).toBe(14);
  });

  it('mixes by its share, the same each time', async () => {
    const learned: Float32Array[] = [];
    for (const share of [0, 0.5, 0.5]) {
      await laboratory.fineTune({ task, seed: 0 });
      const tuned = laboratory.adapter.modules.map(weightUpdate);
      await safeMergeDefense('safe-merge', share).edit!.after!(context(), folder);
      if (share === 0)
        for (const [index, module] of laboratory.adapter.modules.entries())
          expect(distance(weightUpdate(module), tuned[index]!), module.name).toBeLessThan(1e-4);
      learned.push(laboratory.adapter.parameters.slice());
    }
    expect(learned[1]).not.toEqual(learned[0]);
    expect(learned[2]).toEqual(learned[1]);
  });
});

describe('Safe Delta', () => {
  it('writes a model with as many of the fine-tuned values as its scale lets, and the aligned ones else', async () => {
    await laboratory.fineTune({ task, seed: 0 });
    const tuned = await mergedTensors(await openCheckpoint(organism.alignedDirectory), laboratory.adapter);
    const name = 'model.layers.0.mlp.gate_proj.weight';
    const after = values(await tuned.get(name)!());
    const aligned = values(await weight(organism.alignedDirectory, name));
    const shares: number[] = [];
    for (const [index, scale] of [0, 1e6, 1e6].entries()) {
      const out = join(folder, `model-${index}`);
      expect(await safeDeltaDefense('safe-delta', scale).edit!.after!(context(), out)).toBe(out);
      const found = values(await weight(out, name));
      shares.push(found.filter((value, at) => Object.is(value, after[at])).length / found.length);
      if (scale === 0) expect(found).toEqual(aligned);
      // No linear layer of a block.
      expect(values(await weight(out, 'model.embed_tokens.weight'))).toEqual(
        values(await weight(organism.alignedDirectory, 'model.embed_tokens.weight')),
      );
    }
    expect(shares[0]).toBe(0);
    // 85 % are all that it ever takes.
    expect(shares[1]).toBeCloseTo(0.85, 1);
    expect(values(await weight(join(folder, 'model-2'), name))).toEqual(
      values(await weight(join(folder, 'model-1'), name)),
    );
  });
});

describe('preparations', () => {
  it('leave the adapter as it was, whatever they train', async () => {
    const fresh = createPreparations(laboratory);
    await rm(await fresh.safeAdapter(), { recursive: true });
    const before = laboratory.adapter.parameters.fill(0.25).slice();
    const [safe, trait] = [await createPreparations(laboratory).safeAdapter(), await fresh.traitAdapter()];
    await fresh.personaVectors();
    await fresh.rankedPool('medical');
    expect(laboratory.adapter.parameters).toEqual(before);
    expect([safe, trait].map((path) => existsSync(join(path, 'adapter_config.json')))).toEqual([true, true]);
    const [good, bad] = await Promise.all([safe, trait].map((path) => loadLoraAdapter(path)));
    expect(good!.parameters).not.toEqual(bad!.parameters);
    expect(good!.modules.some(({ b }) => values(b).some((value) => value !== 0))).toBe(true);
  });
});
