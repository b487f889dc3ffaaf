import { join } from 'node:path';
import { type LoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import {
  type ForwardOutputs,
  kl,
  ldifs,
  personaVector,
  RegularizerOptionError,
} from '@safetune/regularizers';
import { multiply, openSafetensors, readTensor, square, sum } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  adapterDirectory,
  checkpointDirectory,
  goldenBatch,
  readJson,
  relativeError,
} from '../__fixtures__/goldens.ts';
import { TrainOptionError } from '../errors.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import type { TrainStep, TrainStepOptions } from '../step/train-step.ts';
import { trainAdapter, trainAllWeights } from '../step/trainable.ts';
import { compileTrainStep } from './whole-step.ts';

interface Expected {
  checkpoint: string;
  losses: { crossEntropy: number; kl: number; loss: number; ldifs: number };
}

/** The gradient of one adapter tensor, out of the step's flat buffer. */
function gradientOf(step: TrainStep, adapter: LoraAdapter, name: string): Float32Array {
  const view = adapter.tensors[name]!;
  const start = ((view.data as Float32Array).byteOffset - adapter.parameters.byteOffset) / 4;
  return step.gradients.subarray(start, start + view.size);
}

describe.each(['qwen2-rslora-all-projections', 'llama-lora-query-value'])(
  'against PyTorch autograd: %s',
  (name) => {
    it('has the same loss terms and gradient of every LoRA tensor, plain, with KL and with LDIFS', async () => {
      const directory = adapterDirectory(name);
      const expected = await readJson<Expected>(directory, 'expected.json');
      const file = await openSafetensors(join(directory, 'expected.safetensors'));
      const model = await loadModel(checkpointDirectory(expected.checkpoint));
      const adapter = await loadLoraAdapter(directory, { layers: model.linearLayers });
      const batch = await goldenBatch(file, 'batch.');
      const regularizers = [kl(), ldifs({ layers: 'all' })];
      const step = await compileTrainStep({ model, trainable: trainAdapter(adapter), regularizers });
      const golden = async (name: string, tensor: string) =>
        (await readTensor(file.tensors.get(`gradient.${name}.base_model.model.${tensor}`)!))
          .data as Float32Array;
      const truths = {
        crossEntropy: (tensor: string) => golden('cross_entropy', tensor),
        kl: (tensor: string) => golden('loss', tensor),
        // A weight at which most of the gradient is that of LDIFS.
        ldifs: async (tensor: string) => {
          const distance = await golden('ldifs', tensor);
          const plain = await golden('cross_entropy', tensor);
          return plain.map((value, index) => value + 10 * distance[index]!);
        },
      };
      const { crossEntropy, ...penalties } = expected.losses;
      for (const [truth, weights] of [
        [truths.crossEntropy, { kl: 0, ldifs: 0 }],
        [truths.kl, { kl: 0.1, ldifs: 0 }],
        [truths.ldifs, { kl: 0, ldifs: 10 }],
      ] as const) {
        const terms = await step.run(batch, weights);
        expect(terms.crossEntropy).toBeCloseTo(crossEntropy, 4);
        expect(terms.penalties.kl).toBeCloseTo(penalties.kl, 4);
        expect(terms.penalties.ldifs).toBeCloseTo(penalties.ldifs, 4);
        const sum = crossEntropy + weights.kl * penalties.kl + weights.ldifs * penalties.ldifs;
        expect(Math.abs(terms.loss / sum - 1)).toBeLessThan(1e-5);
        for (const tensor of Object.keys(adapter.tensors)) {
          const error = relativeError(gradientOf(step, adapter, tensor), await truth(tensor));
          expect(error, tensor).toBeLessThan(1e-4);
        }
      }
      await step.release();
    });
  },
);

it('gives every weight of a tied model the gradient that PyTorch gives', async () => {
  const directory = checkpointDirectory('llama-tied-bfloat16-rope-scaled');
  const file = await openSafetensors(join(directory, 'expected-gradients.safetensors'));
  const model = await loadModel(directory);
  const trainable = await trainAllWeights(model);
  const step = await compileTrainStep({ model, trainable });
  const terms = await step.run(await goldenBatch(file, ''));
  const loss = await readTensor(file.tensors.get('cross_entropy')!);
  expect(terms.loss).toBeCloseTo(Number(loss.data[0]), 4);
  let start = 0;
  for (const [name, view] of Object.entries(trainable.tensors)) {
    const truth = await readTensor(file.tensors.get(`gradient.${name}`)!);
    expect(
      relativeError(step.gradients.subarray(start, start + view.size), truth.data as Float32Array),
      name,
    ).toBeLessThan(1e-3);
    start += view.size;
  }
  expect(start).toBe(trainable.parameters.length);
  await step.release();
});

it.each<[string, Partial<TrainStepOptions>]>([
  ['in pieces of rows, some of them empty', { headPieces: { count: 9, rows: 4 } }],
  ['with blocks recomputed', { recompute: 'all' }],
  ['with nothing recomputed', { recompute: 'none' }],
  ['with attention in blocks of heads', { attentionBlocks: 2 }],
  ['with blocks of heads in recomputed blocks', { attentionBlocks: 2, recompute: 'all' }],
])('gives the same loss and gradients %s', async (_name, options) => {
  const directory = adapterDirectory('qwen2-rslora-all-projections');
  const { checkpoint } = await readJson<Expected>(directory, 'expected.json');
  const file = await openSafetensors(join(directory, 'expected.safetensors'));
  const model = await loadModel(checkpointDirectory(checkpoint));
  const adapter = await loadLoraAdapter(directory, { layers: model.linearLayers });
  const batch = await goldenBatch(file, 'batch.');
  const common = { model, trainable: trainAdapter(adapter), regularizers: [kl({ scope: 'all' })] };
  const plain = await compileTrainStep(common);
  const arranged = await compileTrainStep({ ...common, ...options });
  const [expected, terms] = [
    await plain.run(batch, { kl: 0.5 }, { taskWeight: 0.25 }),
    await arranged.run(batch, { kl: 0.5 }, { taskWeight: 0.25 }),
  ];
  expect(terms.loss).toBeCloseTo(expected.loss, 5);
  expect(terms.penalties.kl).toBeCloseTo(expected.penalties.kl!, 5);
  expect(relativeError(arranged.gradients, plain.gradients)).toBeLessThan(1e-5);
  await Promise.all([plain.release(), arranged.release()]);
});

it.each(['llama-tied-bfloat16-rope-scaled', 'llama-untied-float32'])(
  'gives the same loss and gradients of all weights in pieces of rows: %s',
  async (name) => {
    const file = await openSafetensors(
      join(checkpointDirectory('llama-tied-bfloat16-rope-scaled'), 'expected-gradients.safetensors'),
    );
    const batch = await goldenBatch(file, '');
    const model = await loadModel(checkpointDirectory(name));
    const trainable = await trainAllWeights(model);
    // Terms by row, one of another model's logits and one that sees states.
    const common = { model, trainable, regularizers: [kl({ scope: 'all' }), ldifs({ layers: [1] })] };
    const weights = { kl: 0.5, ldifs: 2 };
    trainable.parameters.forEach((value, index) => {
      trainable.parameters[index] = value * (1 + 0.1 * Math.sin(index));
    });
    const plain = await compileTrainStep(common);
    const expected = await plain.run(batch, weights, { taskWeight: 0.25 });
    for (const headPieces of [
      { count: 3, rows: 4 },
      { count: 9, rows: 1000 },
    ]) {
      const cut = await compileTrainStep({ ...common, headPieces });
      const layered = await compileLayeredStep({ ...common, headPieces });
      for (const step of [cut, layered]) {
        const terms = await step.run(batch, weights, { taskWeight: 0.25 });
        expect(terms.loss).toBeCloseTo(expected.loss, 5);
        expect(terms.penalties.kl).toBeGreaterThan(0);
        expect(terms.penalties.kl).toBeCloseTo(expected.penalties.kl!, 5);
        let start = 0;
        for (const [tensor, { size }] of Object.entries(trainable.tensors)) {
          const [actual, truth] = [step, plain].map(({ gradients }) =>
            gradients.subarray(start, start + size),
          ) as [Float32Array, Float32Array];
          expect(relativeError(actual, truth), tensor).toBeLessThan(1e-4);
          start += size;
        }
        await step.release();
      }
    }
    await plain.release();
  },
);

it.each(['adapter', 'all weights'])(
  'takes the gradient through states that a penalty by row sees: %s, in pieces',
  async (what) => {
    const directory = adapterDirectory('qwen2-rslora-all-projections');
    const { checkpoint } = await readJson<Expected>(directory, 'expected.json');
    const batch = await goldenBatch(await openSafetensors(join(directory, 'expected.safetensors')), 'batch.');
    const model = await loadModel(checkpointDirectory(checkpoint));
    const trainable =
      what === 'adapter'
        ? trainAdapter(await loadLoraAdapter(directory, { layers: model.linearLayers }))
        : await trainAllWeights(model);
    const norm = ({ hiddenStates }: ForwardOutputs) => sum(square(hiddenStates.get(1)!));
    const common = { name: 'norm', config: { type: 'norm' }, needs: { hiddenStates: [1] } };
    const results = [];
    for (const regularizer of [
      { ...common, penalty: norm },
      {
        ...common,
        penaltyPerRow: (outputs: ForwardOutputs) => ({
          values: multiply(outputs.responseMask, norm(outputs)),
          mask: outputs.responseMask,
        }),
      },
    ]) {
      const headPieces = { count: 3, rows: 4 };
      const step = await compileTrainStep({ model, trainable, regularizers: [regularizer], headPieces });
      const terms = await step.run(batch, { norm: 0.1 });
      results.push({ norm: terms.penalties.norm!, gradients: step.gradients });
      await step.release();
    }
    const [whole, byRow] = results as [(typeof results)[0], (typeof results)[0]];
    expect(byRow.norm / whole.norm).toBeCloseTo(1, 5);
    expect(relativeError(byRow.gradients, whole.gradients)).toBeLessThan(1e-4);
  },
);

it('refuses two regularizers of one name', async () => {
  const model = await loadModel(checkpointDirectory('llama-untied-float32'));
  const trainable = await trainAllWeights(model);
  await expect(compileTrainStep({ model, trainable, regularizers: [kl(), kl()] })).rejects.toSatisfy(
    TrainOptionError.isInstance,
  );
});

it('refuses to steer a layer that the model does not have', async () => {
  const model = await loadModel(checkpointDirectory('llama-untied-float32'));
  const trainable = await trainAllWeights(model);
  const vectors = new Map([[9, new Float32Array(model.config.hiddenSize).fill(1)]]);
  await expect(
    compileTrainStep({ model, trainable, regularizers: [personaVector({ vectors })] }),
  ).rejects.toSatisfy(RegularizerOptionError.isInstance);
});
