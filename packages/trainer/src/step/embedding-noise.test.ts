/** NEFTune: how its noise is spread, where it enters, and that evaluation has none of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Batch, padBatch } from '@safetune/datasets';
import { createLoraAdapter, saveLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import {
  add,
  constant,
  gather,
  type HostArray,
  hostArray,
  type Tensor,
  writeSafetensors,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { writeFamilyModel } from '../__fixtures__/family-models.ts';
import { checkpointDirectory, relativeError } from '../__fixtures__/goldens.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { withEmbeddingNoise } from './embedding-noise.ts';
import { trainAdapter } from './trainable.ts';

const alpha = 40;
const draw = { seed: 5, step: 2, part: 1 };
const llama = checkpointDirectory('llama-untied-float32');

async function open(folder = llama, lora_dropout = 0) {
  const model = await loadModel(folder);
  const adapter = createLoraAdapter(
    model.linearLayers,
    { r: 4, target_modules: ['q_proj', 'down_proj'], lora_dropout },
    { seed: 3 },
  );
  adapter.parameters.forEach((value, index) => {
    adapter.parameters[index] = value + 0.05 * Math.sin(index);
  });
  const trainable = trainAdapter(adapter);
  const { hiddenSize, vocabularySize } = model.config;
  const batch = padBatch(
    [5, 9, 7].map((length, row) => ({
      tokenIds: Int32Array.from({ length }, (_, at) => (11 * row + 7 * at + 3) % vocabularySize),
      responseMask: Uint8Array.from({ length }, (_, at) => (at > 2 ? 1 : 0)),
      tags: [],
    })),
    { padTokenId: 0 },
  );
  return {
    model,
    adapter,
    trainable,
    noisy: withEmbeddingNoise(trainable, alpha, hiddenSize),
    batch,
    hiddenSize,
  };
}

/** The noise by its formula: [size, length, hidden]. */
function noiseOf(drawn: Readonly<Record<string, HostArray>>, { size, length }: Batch, width: number) {
  const [rows, columns, magnitudes] = ['rows', 'columns', 'magnitudes'].map(
    (name) => drawn[`neftune.${name}`]!.data as Int32Array,
  );
  return Float32Array.from(
    { length: size * length * width },
    (_, at) =>
      Math.imul(rows![Math.floor(at / width)]!, columns![at % width]!) * magnitudes![Math.floor(at / width)]!,
  );
}

const extentsOf = ({ size, length, lengths }: Batch) => ({ batch: size, length, lengths, pieces: 1 });

describe('withEmbeddingNoise', () => {
  it('is uniform up to alpha / sqrt(tokens x features), none on padding, and another in each step and part', async () => {
    const { noisy, batch, hiddenSize } = await open();
    const drawOf = (changes: Partial<typeof draw>) =>
      noiseOf(noisy.drawn!.values({ ...draw, ...changes }, extentsOf(batch)), batch, hiddenSize);
    const noise = drawOf({});
    expect(drawOf({})).toEqual(noise);
    for (const other of [{ seed: 6 }, { step: 3 }, { part: 0 }]) expect(drawOf(other)).not.toEqual(noise);
    batch.lengths.forEach((tokens, row) => {
      const bound = alpha / Math.sqrt(tokens * hiddenSize);
      const start = row * batch.length * hiddenSize;
      const values = noise.subarray(start, start + tokens * hiddenSize);
      const rest = noise.subarray(start + tokens * hiddenSize, start + batch.length * hiddenSize);
      expect(rest.every((value) => value === 0)).toBe(true);
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(Math.fround(bound));
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((a, b) => a + b * b, 0) / values.length;
      // Five standard deviations of the mean; of a uniform distribution the variance is a third of the bound's square.
      expect(Math.abs(mean)).toBeLessThan((5 * bound) / Math.sqrt(3 * values.length));
      expect(variance / bound ** 2).toBeCloseTo(1 / 3, 1);
    });
  });

  it.each(['whole', 'layered'] as const)('enters before the first block (%s)', async (mode) => {
    const { model, noisy, trainable, batch, hiddenSize } = await open();
    const compileStep = mode === 'whole' ? compileTrainStep : compileLayeredStep;
    const noise = noiseOf(noisy.drawn!.values(draw, extentsOf(batch)), batch, hiddenSize);
    // No token stands in two places, so that a table of tokens can tell each place's noise.
    const rows = new Float32Array(model.config.vocabularySize * hiddenSize);
    batch.tokenIds.forEach((token, place) => {
      rows.set(noise.subarray(place * hiddenSize, (place + 1) * hiddenSize), token * hiddenSize);
    });
    const table = constant(hostArray(rows, [model.config.vocabularySize, hiddenSize]));
    const adding = {
      name: 'adding',
      config: { type: 'adding' },
      hidden: (state: Tensor, layer: number, { tokenIds }: { tokenIds: Tensor }) =>
        layer === 0 ? add(state, gather(table, tokenIds)) : state,
    };
    const [one, other] = [
      await compileStep({ model, trainable: noisy }),
      await compileStep({ model, trainable, regularizers: [adding] }),
    ];
    const found = await one.run(batch, {}, { draw });
    const expected = await other.run(batch);
    expect(found.crossEntropy).toBeCloseTo(expected.crossEntropy, 6);
    expect(relativeError(one.gradients, other.gradients)).toBeLessThan(1e-5);
    const quiet = await compileStep({ model, trainable });
    const { crossEntropy } = await quiet.run(batch);
    expect(Math.abs(found.crossEntropy - crossEntropy)).toBeGreaterThan(1e-3);
    // Neither noise nor edits are in evaluation, and it leaves the gradients alone.
    const gradients = one.gradients.slice();
    for (const step of [one, other, quiet]) expect(await step.evaluate(batch)).toBeCloseTo(crossEntropy, 6);
    expect(one.gradients).toEqual(gradients);
    for (const step of [one, other, quiet]) await step.release();
  });

  it.each(['whole', 'layered'] as const)('is in no evaluation, and nor is dropout (%s)', async (mode) => {
    const compileStep = mode === 'whole' ? compileTrainStep : compileLayeredStep;
    const losses: number[] = [];
    for (const dropout of [0, 0.4]) {
      const { model, noisy, batch } = await open(llama, dropout);
      const step = await compileStep({ model, trainable: noisy });
      losses.push(await step.evaluate(batch));
      await step.release();
    }
    expect(losses[1]).toBeCloseTo(losses[0]!, 6);
  });
});

describe.skipIf(pythonWith() === undefined)(
  'beside transformers (skipped: no python3 with its modules)',
  () => {
    it.each(['llama', 'gemma3'])('gives its loss and gradients with the same noise: %s', async (family) => {
      const work = await mkdtemp(join(tmpdir(), 'safetune-noise-'));
      const folder = family === 'llama' ? llama : await writeFamilyModel(family, work);
      const { model, adapter, noisy, batch, hiddenSize } = await open(folder);
      const { size, length } = batch;
      await saveLoraAdapter(join(work, 'adapter'), adapter);
      const noise = noiseOf(noisy.drawn!.values(draw, extentsOf(batch)), batch, hiddenSize);
      await writeSafetensors(join(work, 'batch.safetensors'), {
        input_ids: hostArray(batch.tokenIds, [size, length]),
        lengths: hostArray(batch.lengths, [size]),
        response_mask: hostArray(Int32Array.from(batch.responseMask), [size, length]),
        noise: hostArray(noise, [size, length, hiddenSize]),
      });
      const said = (await runPython('verify_embedding_noise.py', [
        ...[
          '--model',
          folder,
          '--adapter',
          join(work, 'adapter'),
          '--batch',
          join(work, 'batch.safetensors'),
        ],
      ])) as { loss: number; norms: Record<string, number> };
      const step = await compileTrainStep({ model, trainable: noisy });
      const { crossEntropy } = await step.run(batch, {}, { draw });
      expect(Math.abs(crossEntropy / said.loss - 1)).toBeLessThan(1e-5);
      let start = 0;
      for (const [name, { size: count }] of Object.entries(noisy.tensors)) {
        const norm = Math.hypot(...step.gradients.subarray(start, start + count));
        start += count;
        expect(Math.abs(norm / said.norms[`base_model.model.${name}`]! - 1), name).toBeLessThan(1e-3);
      }
      await step.release();
      await rm(work, { recursive: true });
    });
  },
);
