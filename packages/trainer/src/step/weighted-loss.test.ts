import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Batch } from '@safetune/datasets';
import { loadLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { openSafetensors, readTensor } from '@safetune/tensor';
import { expect, it } from 'vitest';
import {
  adapterDirectory,
  checkpointDirectory,
  goldenBatch,
  relativeError,
} from '../__fixtures__/goldens.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { trainAdapter } from './trainable.ts';

const goldens = new URL('../../../../conformance/goldens/weighted-loss/', import.meta.url);
const expected = JSON.parse(readFileSync(new URL('expected.json', goldens), 'utf8')) as {
  readonly checkpoint: string;
  readonly adapter: string;
  readonly crossEntropy: number;
};

async function setUp() {
  const file = await openSafetensors(join(goldens.pathname, 'expected.safetensors'));
  const model = await loadModel(checkpointDirectory(expected.checkpoint));
  const adapter = await loadLoraAdapter(adapterDirectory(expected.adapter), { layers: model.linearLayers });
  const examples = await openSafetensors(join(adapterDirectory(expected.adapter), 'expected.safetensors'));
  const batch = await goldenBatch(examples, 'batch.');
  const written = (await readTensor(file.tensors.get('weights')!)).data as Float32Array;
  const width = written.length / batch.size;
  const lossWeights = new Float32Array(batch.size * batch.length);
  for (let row = 0; row < batch.size; row++)
    lossWeights.set(written.subarray(row * width, row * width + batch.lengths[row]!), row * batch.length);
  // A weight of 0 is no target.
  const responseMask = batch.responseMask.map((mark, index) => (lossWeights[index]! > 0 ? mark : 0));
  return { file, model, adapter, batch, weighted: { ...batch, responseMask, lossWeights } satisfies Batch };
}

it.each([
  ['whole', compileTrainStep],
  ['layered', compileLayeredStep],
])('weighs the loss of tokens as PyTorch does: %s', async (_name, compileStep) => {
  const { file, model, adapter, weighted } = await setUp();
  const step = await compileStep({
    model,
    trainable: trainAdapter(adapter),
    headPieces: { count: 3, rows: 5 },
  });
  const terms = await step.run(weighted, {});
  expect(terms.crossEntropy).toBeCloseTo(expected.crossEntropy, 4);
  for (const [name, view] of Object.entries(adapter.tensors)) {
    const start = ((view.data as Float32Array).byteOffset - adapter.parameters.byteOffset) / 4;
    const truth = await readTensor(file.tensors.get(`gradient.base_model.model.${name}`)!);
    const ours = step.gradients.subarray(start, start + view.size);
    expect(relativeError(ours, truth.data as Float32Array), name).toBeLessThan(1e-4);
  }
  await step.release();
});

it('gives the plain mean where all weigh the same, however little', async () => {
  const { model, adapter, batch } = await setUp();
  const step = await compileTrainStep({ model, trainable: trainAdapter(adapter) });
  const plain = await step.run(batch, {});
  const gradients = step.gradients.slice();
  const lossWeights = Float32Array.from(batch.responseMask, (mark) => mark / 1024);
  const light = await step.run({ ...batch, lossWeights }, {});
  expect(light.crossEntropy).toBeCloseTo(plain.crossEntropy, 5);
  expect(relativeError(step.gradients, gradients)).toBeLessThan(1e-5);
  await step.release();
});
