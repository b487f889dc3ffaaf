import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { padBatch, type TokenizedExample } from '@safetune/datasets';
import { loadLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { kl } from '@safetune/regularizers';
import { type HostArray, hostArray, readTensor, writeSafetensors } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import {
  adapterDirectory,
  checkpointDirectory,
  goldenBatch,
  goldensDirectory,
  openSafetensors,
  readJson,
  relativeError,
} from '../__fixtures__/goldens.ts';
import { setUp } from '../__fixtures__/small-run.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import { accumulate } from '../run/accumulate.ts';
import { train } from '../run/train.ts';
import type { TrainStep, TrainStepOptions } from '../step/train-step.ts';
import { trainAdapter } from '../step/trainable.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';

interface Expected {
  readonly checkpoint: string;
  readonly adapter: string;
  readonly beta: number;
  readonly klWeight: number;
  readonly [value: string]: string | number;
}

/** Pairs of the rows 2i and 2i + 1. */
function pairsOf(rows: readonly TokenizedExample[]) {
  const pairs = rows.flatMap((row, at) => (at % 2 === 0 ? [{ ...row, rejected: rows[at + 1]! }] : []));
  return padBatch(pairs, { padTokenId: 0 });
}

async function open() {
  const folder = goldensDirectory('dpo');
  const expected = await readJson<Expected>(folder, 'expected.json');
  const file = await openSafetensors(join(folder, 'expected.safetensors'));
  const model = await loadModel(checkpointDirectory(expected.checkpoint));
  const adapter = await loadLoraAdapter(adapterDirectory(expected.adapter), { layers: model.linearLayers });
  const { examples } = await goldenBatch(file, 'batch.');
  const options = {
    model,
    trainable: trainAdapter(adapter),
    regularizers: [kl()],
    objective: { type: 'dpo', beta: expected.beta } as const,
  };
  const requireGradients = async (found: Float32Array, prefix: string) => {
    for (const [name, view] of Object.entries(adapter.tensors) as [string, HostArray][]) {
      const start = ((view.data as Float32Array).byteOffset - adapter.parameters.byteOffset) / 4;
      const truth = (await readTensor(file.tensors.get(`${prefix}.base_model.model.${name}`)!))
        .data as Float32Array;
      expect(Math.hypot(...truth), name).toBeGreaterThan(1e-4);
      expect(relativeError(found.subarray(start, start + view.size), truth), name).toBeLessThan(1e-4);
    }
  };
  return { expected, model, adapter, options, examples, batch: pairsOf(examples), requireGradients };
}

const measures = ['loss', 'margin', 'accuracy', 'chosenReward', 'rejectedReward'] as const;

describe('dpo', () => {
  it.each<[string, (options: Awaited<ReturnType<typeof open>>['options']) => Promise<TrainStep>]>([
    ['whole', compileTrainStep],
    [
      'in pieces, recomputed',
      (options) => compileTrainStep({ ...options, recompute: 'all', headPieces: { count: 4, rows: 13 } }),
    ],
    ['packed', (options) => compileTrainStep({ ...options, packing: true })],
    ['layered', (options) => compileLayeredStep({ ...options, headPieces: { count: 3, rows: 16 } })],
    ['streamed', (options) => compileLayeredStep({ ...options, weights: 'streamed', packing: true })],
  ])('has the loss, the rewards and every gradient of PyTorch, KL beside it: %s', async (_name, compile) => {
    const { expected, options, batch, requireGradients } = await open();
    const step = await compile(options);
    const alone = await step.run(batch, { kl: 0 });
    for (const name of measures) expect(alone.pairs![name], name).toBeCloseTo(expected[name] as number, 4);
    expect(alone.loss).toBe(alone.pairs!.loss);
    await requireGradients(step.gradients, 'gradient');
    const both = await step.run(batch, { kl: expected.klWeight });
    expect(both.penalties.kl).toBeCloseTo(expected.kl as number, 5);
    expect(both.loss).toBeCloseTo((expected.loss as number) + expected.klWeight * (expected.kl as number), 4);
    await requireGradients(step.gradients, 'gradientWithKl');
    await step.release();
  });

  it('is the mean over the pairs of several batches', async () => {
    const { expected, options, examples, requireGradients } = await open();
    const step = await compileTrainStep({ ...options, regularizers: [] });
    const batches = [pairsOf(examples.slice(0, 2)), pairsOf(examples.slice(2))];
    const { terms, gradients } = await accumulate(step, batches, {}, { seed: 0, step: 0 });
    for (const name of measures) expect(terms.pairs![name], name).toBeCloseTo(expected[name] as number, 4);
    expect(terms.loss).toBe(terms.pairs!.loss);
    await requireGradients(gradients, 'gradient');
    await step.release();
  });

  it.each([
    ['whole', (options: TrainStepOptions) => compileTrainStep(options)],
    ['layered', (options: TrainStepOptions) => compileLayeredStep(options)],
    ['layered, packed', (options: TrainStepOptions) => compileLayeredStep({ ...options, packing: true })],
  ])('is measured on held-out pairs as in training, without penalties: %s', async (_how, compileStep) => {
    const { expected, options, batch } = await open();
    const step = await compileStep(options);
    const before = step.gradients.slice();
    expect(await step.evaluate(batch)).toBeCloseTo(expected.loss as number, 4);
    expect(step.gradients).toEqual(before);
    const terms = await step.run(batch, { kl: 0 });
    expect(await step.evaluate(batch)).toBeCloseTo(terms.pairs!.loss, 5);
    await step.release();
  });

  it('refuses what are no pairs, and pairs where none are learned from', async () => {
    const { options, examples, batch } = await open();
    const [pairs, plain] = [
      await compileTrainStep(options),
      await compileTrainStep({ ...options, objective: undefined! }),
    ];
    await expect(pairs.run(padBatch(examples, { padTokenId: 0 }))).rejects.toThrow(
      /the examples are no pairs/,
    );
    await expect(plain.run(batch)).rejects.toThrow(/the examples are pairs; give \{ type: 'dpo' \}/);
    await pairs.release();
    await plain.release();
    await expect(compileTrainStep({ ...options, objective: { type: 'dpo', beta: 0 } })).rejects.toThrow(
      /beta 0/,
    );
    await expect(compileTrainStep({ ...options, objective: { type: 'kto' as 'dpo' } })).rejects.toThrow(
      /'kto' must be one of dpo/,
    );
    const misspelt = { type: 'dpo', betta: 1 } as const;
    await expect(compileTrainStep({ ...options, objective: misspelt })).rejects.toThrow(/'betta'.*'beta'/);
  });

  it('raises the margin in a run', async () => {
    const user = (content: string) => ({ role: 'user', content });
    const assistant = (content: string) => ({ role: 'assistant', content });
    const examples = Array.from({ length: 8 }, (_, index) => ({
      messages: [user(`question ${index}`), assistant(`yes ${index}`)],
      rejected: [user(`question ${index}`), assistant(`no, never ${index}`)],
    }));
    const { adapter, options, steps } = await setUp({ examples, steps: 12, learningRate: { peak: 3e-3 } });
    const held = { examples: examples.slice(0, 2), everySteps: 12 };
    await train({
      ...options,
      trainable: trainAdapter(adapter),
      regularizers: [kl({ weight: 0.01 })],
      objective: { type: 'dpo' },
      gradientAccumulation: 2,
      evaluation: held,
    });
    const [first, last] = [steps()[0]!.pairs!, steps().at(-1)!.pairs!];
    expect(first.loss).toBeCloseTo(Math.log(2), 4);
    expect(first.margin).toBeCloseTo(0, 4);
    expect(last.margin).toBeGreaterThan(0.5);
    expect(last.accuracy).toBe(1);
    expect(last.loss).toBeLessThan(first.loss);
    await expect(train({ ...options, trainable: trainAdapter(adapter), steps: 1 })).rejects.toThrow(
      /the examples are pairs/,
    );
    const answers = examples.map(({ messages }) => ({ messages }));
    const unlike = { examples: answers, everySteps: 1 };
    await expect(
      train({
        ...options,
        trainable: trainAdapter(adapter),
        objective: { type: 'dpo' },
        evaluation: unlike,
      }),
    ).rejects.toThrow(/there are held-out examples with one/);
  });
});

describe.skipIf(pythonWith() === undefined)('beside PyTorch (skipped: no python3 with its modules)', () => {
  it('gives the same for other pairs and another beta', async () => {
    const { options, model, adapter } = await open();
    const batch = pairsOf(
      [7, 11, 10, 10].map((length, row) => ({
        tokenIds: Int32Array.from(
          { length },
          (_, at) => (at < 4 ? 3 * at + (row >> 1) : 13 * row + 7 * at) % model.config.vocabularySize,
        ),
        responseMask: Uint8Array.from({ length }, (_, at) => (at < 4 ? 0 : 1)),
        tags: [],
      })),
    );
    const work = await mkdtemp(join(tmpdir(), 'safetune-dpo-'));
    const file = join(work, 'batch.safetensors');
    await writeSafetensors(file, {
      input_ids: hostArray(batch.tokenIds, [batch.size, batch.length]),
      lengths: hostArray(batch.lengths, [batch.size]),
      response_mask: hostArray(Int32Array.from(batch.responseMask), [batch.size, batch.length]),
    });
    const said = (await runPython('make_dpo.py', ['--batch', file, '--beta', '0.7'])) as Record<
      string,
      number
    > & {
      readonly norms: Record<string, number>;
    };
    await rm(work, { recursive: true });
    const step = await compileTrainStep({ ...options, objective: { type: 'dpo', beta: 0.7 } });
    const terms = await step.run(batch, { kl: 0 });
    for (const name of measures) expect(terms.pairs![name], name).toBeCloseTo(said[name]!, 4);
    for (const [name, view] of Object.entries(adapter.tensors)) {
      const start = ((view.data as Float32Array).byteOffset - adapter.parameters.byteOffset) / 4;
      const norm = Math.hypot(...step.gradients.subarray(start, start + view.size));
      expect(norm / said.norms[`base_model.model.${name}`]!, name).toBeCloseTo(1, 3);
    }
    await step.release();
  });
});
