import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { openSafetensors } from '@safetune/tensor';
import { expect, it } from 'vitest';
import { adapterDirectory, checkpointDirectory, goldenBatch, relativeError } from './__fixtures__/goldens.ts';
import { compileTrainStep } from './train-step.ts';
import { trainAdapter } from './trainable.ts';

it.each([
  ['int8', 0.1],
  ['int8x3', 1e-3],
] as const)('weights in %s give nearly the gradients of float32', async (precision, bound) => {
  const directory = adapterDirectory('qwen2-rslora-all-projections');
  const checkpoint = checkpointDirectory('qwen2-tied-bfloat16');
  const cacheDirectory = await mkdtemp(join(tmpdir(), 'safetune-precision-'));
  const batch = await goldenBatch(await openSafetensors(join(directory, 'expected.safetensors')), 'batch.');
  const run = async (chosen: 'float32' | typeof precision) => {
    const model = await loadModel(checkpoint, { precision: chosen, cacheDirectory });
    const adapter = await loadLoraAdapter(directory, { layers: model.linearLayers });
    const step = await compileTrainStep({ model, trainable: trainAdapter(adapter) });
    const { crossEntropy } = await step.run(batch);
    await step.release();
    return { crossEntropy, gradients: step.gradients };
  };
  const [exact, rounded] = [await run('float32'), await run(precision)];
  expect(Math.abs(rounded.crossEntropy / exact.crossEntropy - 1)).toBeLessThan(0.05);
  const error = relativeError(rounded.gradients, exact.gradients);
  expect(error).toBeGreaterThan(0);
  expect(error).toBeLessThan(bound);
  await rm(cacheDirectory, { recursive: true });
});
