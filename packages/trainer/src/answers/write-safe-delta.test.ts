import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoraAdapter, loadLoraAdapter, writeMergedCheckpoint } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import { findTensor, openCheckpoint, readTensor, readTensorBytes } from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldenAnswers } from '../__fixtures__/golden-answers.ts';
import { checkpointDirectory, goldensDirectory, openSafetensors, readJson } from '../__fixtures__/goldens.ts';
import { writeSafeDelta } from './write-safe-delta.ts';

/** Made by conformance/make_weight_edits.py. */
const { safeDelta: expected } = await readJson<{
  safeDelta: { scale: number; taken: Record<string, number> };
}>(goldensDirectory('weight-edits'), 'expected.json');
const golden = await openSafetensors(join(goldensDirectory('weight-edits'), 'safe-delta.safetensors'));
const folder = checkpointDirectory('qwen2-tied-bfloat16');
const [model, tokenizer] = [await loadModel(folder), await loadTokenizer(folder)];
const adapterFolder = join(goldensDirectory('safe-lora'), 'adapter');
const loadAdapter = () => loadLoraAdapter(adapterFolder);
const common = { model, tokenizer, examples: await goldenAnswers(), dtype: 'float32' } as const;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-safe-delta-'));
});
afterAll(() => rm(directory, { recursive: true }));

describe('writeSafeDelta', () => {
  it.each([2048, 16])(
    "takes and makes up for the values that the authors' arithmetic does in PyTorch, by blocks of %i columns",
    async (blockColumns) => {
      const out = join(directory, `blocks-${blockColumns}`);
      const { scale } = expected;
      const report = await writeSafeDelta({
        ...common,
        tuned: await loadAdapter(),
        out,
        scale,
        blockColumns,
      });
      for (const { name, taken } of report) {
        const value = expected.taken[`${blockColumns}.${name}`]!;
        // A value or two at the end of the budget may fall to the other side by rounding.
        expect(Math.abs(taken - value), name).toBeLessThan(3e-3);
      }
      expect(report.length).toBe(21);
      const [before, after] = [await openCheckpoint(folder), await openCheckpoint(out)];
      let compared = 0;
      for (const [key, region] of golden.tensors) {
        if (!key.startsWith(`${blockColumns}.`)) continue;
        const tensor = `${key.slice(key.indexOf('.') + 1)}.weight`;
        const [wanted, was, now] = [
          await readTensor(region),
          await readTensor(findTensor(before, tensor)),
          await readTensor(findTensor(after, tensor)),
        ];
        let [difference, moved] = [0, 0];
        for (let at = 0; at < wanted.size; at++) {
          difference += (Number(now.data[at]) - Number(wanted.data[at])) ** 2;
          moved += (Number(wanted.data[at]) - Number(was.data[at])) ** 2;
        }
        expect(Math.sqrt(difference / moved), tensor).toBeLessThan(1e-4);
        compared += 1;
      }
      expect(compared).toBe(6);
      for (const [name, region] of before.tensors) {
        if (report.some((module) => `${module.name}.weight` === name)) continue;
        expect(await readTensorBytes(findTensor(after, name)), name).toEqual(await readTensorBytes(region));
      }
    },
  );

  it('takes a fine-tuned checkpoint as it does the adapter that was merged into it', async () => {
    const merged = join(directory, 'merged');
    const adapter = await loadAdapter();
    await writeMergedCheckpoint(folder, adapter, merged, { dtype: 'float32' });
    const outs = ['by-adapter', 'by-checkpoint'].map((name) => join(directory, name));
    const tuned = [adapter, merged] as const;
    const reports = [];
    for (const [index, out] of outs.entries())
      reports.push(
        await writeSafeDelta({ ...common, tuned: tuned[index]!, out, scale: 20, dtype: 'stored' }),
      );
    expect(reports[1]).toEqual(reports[0]);
    const [one, other] = await Promise.all(outs.map((out) => openCheckpoint(out)));
    for (const [name, region] of one!.tensors) {
      expect(region.dtype).toBe('bfloat16');
      expect(await readTensorBytes(findTensor(other!, name)), name).toEqual(await readTensorBytes(region));
    }
  });

  it('refuses what it cannot weigh, and writes nothing', async () => {
    const out = join(directory, 'refused');
    const tuned = await loadAdapter();
    await expect(writeSafeDelta({ ...common, tuned, out, examples: [] })).rejects.toThrow('examples');
    await expect(writeSafeDelta({ ...common, tuned, out, scale: -1 })).rejects.toThrow('scale is -1');
    const other = createLoraAdapter([{ name: 'lm_head', inFeatures: 32, outFeatures: 392 }], {
      target_modules: ['lm_head'],
    });
    await expect(writeSafeDelta({ ...common, tuned: other, out })).rejects.toThrow(/lm_head|output layer/);
    const foreign = checkpointDirectory('llama-untied-float32');
    await expect(writeSafeDelta({ ...common, tuned: foreign, out })).rejects.toThrow();
    await expect(access(out)).rejects.toThrow('ENOENT');
  });
});
