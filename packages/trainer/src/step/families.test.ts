import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { kl } from '@safetune/regularizers';
import { afterAll, describe, expect, it } from 'vitest';
import { familyBatch, writeFamilyModel } from '../__fixtures__/family-models.ts';
import { relativeError } from '../__fixtures__/goldens.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { trainAdapter, trainAllWeights } from './trainable.ts';

const directory = mkdtempSync(join(tmpdir(), 'safetune-families-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Those whose blocks, embeddings or output layers differ from Llama's in kind. */
const families = ['gemma2', 'gemma3', 'phi3-longrope', 'granite', 'gpt-neox'];

describe.each(families)('a training step of %s', (name) => {
  it('has the loss of PyTorch, and the same gradients in every memory mode and in pieces', async () => {
    const model = await loadModel(await writeFamilyModel(name, directory));
    const { batch, crossEntropy } = await familyBatch(name);
    const config = { r: 4, target_modules: 'all-linear' } as const;
    const adapter = createLoraAdapter(model.linearLayers, config, { seed: 3 });
    const options = { model, trainable: trainAdapter(adapter), regularizers: [kl()] };
    const headPieces = { count: 3, rows: 16 };
    const steps = [
      await compileTrainStep(options),
      await compileTrainStep({ ...options, recompute: 'all', headPieces }),
      await compileLayeredStep({ ...options, weights: 'resident' }),
      await compileLayeredStep({ ...options, weights: 'streamed', headPieces, attentionBlocks: 2 }),
    ];
    // Factors of which the second is zero change nothing yet.
    expect((await steps[0]!.run(batch)).crossEntropy).toBeCloseTo(crossEntropy, 5);
    adapter.parameters.forEach((value, index) => {
      adapter.parameters[index] = value + 0.1 * Math.sin(index);
    });
    const terms = [];
    for (const step of steps) terms.push(await step.run(batch, { kl: 0.3 }));
    expect(terms[0]!.penalties.kl).toBeGreaterThan(1e-3);
    for (const [index, step] of steps.entries()) {
      expect(terms[index]!.loss).toBeCloseTo(terms[0]!.loss, 5);
      expect(relativeError(step.gradients, steps[0]!.gradients)).toBeLessThan(1e-4);
      await step.release();
    }
  });
});

it('tells what there is where PEFT names layers that a family has fused', async () => {
  const model = await loadModel(await writeFamilyModel('phi3-partial', directory));
  expect(() => createLoraAdapter(model.linearLayers, { r: 4 })).toThrow(
    /'q_proj', 'k_proj', 'v_proj'.* match no layer.*qkv_proj/,
  );
});

it.each(['gemma2', 'phi3-longrope'])('training all weights of %s is alike by layers', async (name) => {
  const model = await loadModel(await writeFamilyModel(name, directory));
  const { batch, crossEntropy } = await familyBatch(name);
  const options = { model, trainable: await trainAllWeights(model) };
  const [whole, layered] = [await compileTrainStep(options), await compileLayeredStep(options)];
  expect((await whole.run(batch)).crossEntropy).toBeCloseTo(crossEntropy, 5);
  await layered.run(batch);
  expect(relativeError(layered.gradients, whole.gradients)).toBeLessThan(1e-4);
  await Promise.all([whole.release(), layered.release()]);
});
