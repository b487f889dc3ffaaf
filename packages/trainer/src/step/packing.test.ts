import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { padBatch, type TokenizedExample } from '@safetune/datasets';
import { createLoraAdapter, type LoraConfig } from '@safetune/lora';
import { type CausalLm, loadModel } from '@safetune/models';
import { kl, ldifs, named, personaVector, type Regularizer } from '@safetune/regularizers';
import { afterAll, describe, expect, it } from 'vitest';
import { writeFamilyModel } from '../__fixtures__/family-models.ts';
import { relativeError } from '../__fixtures__/goldens.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import { accumulate } from '../run/accumulate.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { compilePenaltyCounts } from './penalty-counts.ts';
import { stepSettings } from './step-settings.ts';
import type { TrainStep } from './train-step.ts';
import { trainAdapter, trainAllWeights } from './trainable.ts';

const directory = mkdtempSync(join(tmpdir(), 'safetune-packing-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Lengths from 2 to 40, beyond the windows; targets, weights and tags that differ by example. */
function examplesOf({ config }: CausalLm): TokenizedExample[] {
  return [2, 40, 7, 19, 11, 3].map((length, index) => {
    const prompt = 1 + Math.floor((index * length) / 8);
    const responseMask = Uint8Array.from({ length }, (_, at) => (at >= Math.min(prompt, length - 1) ? 1 : 0));
    return {
      tokenIds: Int32Array.from(
        { length },
        (_, at) => (7 * index + 3 * at + at * at) % config.vocabularySize,
      ),
      responseMask,
      ...(index % 2 === 1 && {
        lossWeights: Float32Array.from(responseMask, (mark, at) => mark / 2 ** (at % 3)),
      }),
      tags: index > 3 ? ['safe'] : [],
    };
  });
}

/** Terms by row, by example and by tag, and edits by place. */
function safeguards({ config }: CausalLm): Regularizer[] {
  const direction = Float32Array.from({ length: config.hiddenSize }, (_, index) => Math.cos(index));
  return [
    kl(),
    named('kl-safe', kl({ onlyTagged: 'safe', scope: 'all', direction: 'reverse' })),
    ldifs({ layers: [0, 1, config.layerCount] }),
    named('ldifs-length', ldifs({ layers: { count: 2 }, perLength: true, normalise: false })),
    personaVector({ vectors: new Map([[1, direction]]), alpha: 0.3, positions: 'last-prompt-token' }),
  ];
}

const weights = { kl: 0.7, 'kl-safe': 1.5, ldifs: 2, 'ldifs-length': 30 };

function adapterOf(model: CausalLm, config: Partial<LoraConfig> = {}) {
  const adapter = createLoraAdapter(
    model.linearLayers,
    { r: 4, target_modules: 'all-linear', ...config },
    { seed: 3 },
  );
  // Factors of which the second is zero change nothing, and have no penalty.
  adapter.parameters.forEach((value, index) => {
    adapter.parameters[index] = value + 0.1 * Math.sin(index);
  });
  return trainAdapter(adapter);
}

type Run = (step: TrainStep) => ReturnType<TrainStep['run']>;

async function expectSame(expected: TrainStep, actual: TrainStep, run: Run) {
  const [unpacked, packed] = [await run(expected), await run(actual)];
  expect(packed.loss / unpacked.loss).toBeCloseTo(1, 5);
  expect(packed.crossEntropy / unpacked.crossEntropy).toBeCloseTo(1, 5);
  for (const [name, value] of Object.entries(unpacked.penalties)) {
    expect(value, name).toBeGreaterThan(1e-4);
    expect(packed.penalties[name]! / value, name).toBeCloseTo(1, 5);
  }
  expect(relativeError(actual.gradients, expected.gradients)).toBeLessThan(1e-5);
  await actual.release();
}

describe.each([
  'mistral-window',
  'gemma2',
  'gemma3',
  'qwen3-window-biases',
  'llama-dynamic',
  'phi3-longrope',
  'gpt-neox',
])('packing in %s', (name) => {
  it('has the loss and the gradients of examples by themselves, in every memory mode, under safeguards', async () => {
    const model = await loadModel(await writeFamilyModel(name, directory));
    const batch = padBatch(examplesOf(model), { padTokenId: 1 });
    const options = { model, trainable: adapterOf(model), regularizers: safeguards(model) };
    const packing = { ...options, packing: true };
    const unpacked = await compileTrainStep(options);
    const headPieces = { count: 3, rows: 16 };
    const run: Run = (step) => step.run(batch, weights);
    await expectSame(unpacked, await compileTrainStep(packing), run);
    await expectSame(unpacked, await compileTrainStep({ ...packing, recompute: 'all', headPieces }), run);
    await expectSame(unpacked, await compileLayeredStep({ ...packing, weights: 'resident' }), run);
    const streamed = { ...packing, weights: 'streamed', headPieces, attentionBlocks: 2 } as const;
    await expectSame(unpacked, await compileLayeredStep(streamed), run);
    await unpacked.release();
  });
});

describe('packing', () => {
  it('drops what dropout drops without it', async () => {
    const model = await loadModel(await writeFamilyModel('qwen3', directory));
    const batch = padBatch(examplesOf(model), { padTokenId: 1 });
    const options = { model, trainable: adapterOf(model, { lora_dropout: 0.4 }) };
    const unpacked = await compileTrainStep(options);
    const run: Run = (step) => step.run(batch, {}, { draw: { seed: 5, step: 2, part: 0 } });
    await expectSame(unpacked, await compileTrainStep({ ...options, packing: true }), run);
    await expectSame(unpacked, await compileLayeredStep({ ...options, packing: true }), run);
    await unpacked.release();
  });

  it.each(['int8', 'int8x3'] as const)(
    'rounds every token by itself in %s, and so alike',
    async (precision) => {
      const model = await loadModel(await writeFamilyModel('qwen3', directory), { precision });
      const batch = padBatch(examplesOf(model), { padTokenId: 1 });
      const options = { model, trainable: adapterOf(model), regularizers: safeguards(model) };
      const unpacked = await compileTrainStep(options);
      const run: Run = (step) => step.run(batch, weights);
      await expectSame(unpacked, await compileTrainStep({ ...options, packing: true }), run);
      await unpacked.release();
    },
  );

  it.each(['gemma2', 'olmo2'])('trains all weights of %s alike', async (name) => {
    const model = await loadModel(await writeFamilyModel(name, directory));
    const batch = padBatch(examplesOf(model), { padTokenId: 1 });
    const options = { model, trainable: await trainAllWeights(model) };
    const unpacked = await compileTrainStep(options);
    const run: Run = (step) => step.run(batch);
    await expectSame(unpacked, await compileTrainStep({ ...options, packing: true }), run);
    await expectSame(unpacked, await compileLayeredStep({ ...options, packing: true }), run);
    await unpacked.release();
  });

  it('makes accumulated batches what they are at once', async () => {
    const model = await loadModel(await writeFamilyModel('llama-yarn', directory));
    const examples = examplesOf(model);
    const options = { model, trainable: adapterOf(model), regularizers: safeguards(model) };
    const counts = await compilePenaltyCounts(stepSettings(options));
    const batches = [examples.slice(0, 2), examples.slice(2, 5), examples.slice(5)];
    const padded = batches.map((some) => padBatch(some, { padTokenId: 1 }));
    const [whole, packed] = [
      await compileTrainStep(options),
      await compileTrainStep({ ...options, packing: true }),
    ];
    const expected = await whole.run(padBatch(examples, { padTokenId: 1 }), weights);
    const { terms, gradients } = await accumulate(packed, padded, weights, {
      seed: 0,
      step: 0,
      penaltyCounts: counts,
    });
    expect(terms.loss / expected.loss).toBeCloseTo(1, 5);
    expect(relativeError(gradients, whole.gradients)).toBeLessThan(1e-5);
    for (const each of [whole, packed, counts]) await each.release();
  });
});
