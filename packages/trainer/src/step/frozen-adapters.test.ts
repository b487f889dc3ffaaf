/** Adapters that are in the forward pass in training, frozen: what they change there, and that nothing else has them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Batch, padBatch } from '@safetune/datasets';
import { createLoraAdapterFor, type LoraAdapter, loadLoraAdapter, saveLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { inoculationAdapter, kl, type Regularizer } from '@safetune/regularizers';
import { hostArray, readTensor, writeSafetensors } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import {
  adapterDirectory,
  checkpointDirectory,
  goldenBatch,
  goldensDirectory,
  lorasDirectory,
  openSafetensors,
  readJson,
  relativeError,
} from '../__fixtures__/goldens.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import { plan } from '../plan/plan.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { openFrozenParts } from './frozen-parts.ts';
import type { TrainStep, TrainStepOptions } from './train-step.ts';
import { trainAdapter, trainAllWeights } from './trainable.ts';

const folder = goldensDirectory('frozen-parts');
const trait = join(folder, 'trait');

interface Expected {
  readonly checkpoint: string;
  readonly adapter: string;
  readonly together: number;
  readonly crossEntropy: number;
  readonly 'kl.base': number;
}

async function open() {
  const expected = await readJson<Expected>(folder, 'expected.json');
  const model = await loadModel(checkpointDirectory(expected.checkpoint));
  const directory = adapterDirectory(expected.adapter);
  const adapter = await loadLoraAdapter(directory, { model });
  const batch = await goldenBatch(await openSafetensors(join(directory, 'expected.safetensors')), 'batch.');
  const regularizers = [inoculationAdapter({ adapter: trait })];
  return {
    expected,
    model,
    adapter,
    batch,
    options: { model, trainable: trainAdapter(adapter), regularizers },
  };
}

/** Each trained tensor's part of a flat buffer. */
function partsOf({ trained }: LoraAdapter, flat: Float32Array): [string, Float32Array][] {
  let start = 0;
  return Object.entries(trained).map(([name, { size }]) => {
    start += size;
    return [name, flat.subarray(start - size, start)];
  });
}

const modes: [string, (options: TrainStepOptions) => Promise<TrainStep>][] = [
  ['whole', compileTrainStep],
  [
    'recomputed, in pieces',
    (options) => compileTrainStep({ ...options, recompute: 'all', headPieces: { count: 3, rows: 8 } }),
  ],
  ['packed', (options) => compileTrainStep({ ...options, packing: true })],
  ['layered', compileLayeredStep],
  ['streamed, packed', (options) => compileLayeredStep({ ...options, weights: 'streamed', packing: true })],
];

describe('a frozen adapter', () => {
  it.each(modes)(
    'has the loss and every gradient of peft with two adapters active: %s',
    async (_name, compile) => {
      const { expected, adapter, batch, options } = await open();
      const step = await compile(options);
      const { crossEntropy } = await step.run(batch);
      expect(crossEntropy).toBeCloseTo(expected.together, 4);
      const truths = await openSafetensors(join(folder, 'expected.safetensors'));
      for (const [name, found] of partsOf(adapter, step.gradients)) {
        const truth = (await readTensor(truths.tensors.get(`together.base_model.model.${name}`)!))
          .data as Float32Array;
        expect(Math.hypot(...truth), name).toBeGreaterThan(1e-4);
        expect(relativeError(found, truth), name).toBeLessThan(1e-4);
      }
      // Evaluation is of what is trained alone, and the step is of what it was given.
      expect(await step.evaluate(batch)).toBeCloseTo(expected.crossEntropy, 4);
      expect(step.trainable).toBe(options.trainable);
      await step.release();
    },
  );

  it.each(modes)('is not in the safe reference: %s', async (_name, compile) => {
    const { expected, model, adapter, batch, options } = await open();
    const alone = await compile({ ...options, regularizers: [kl()] });
    expect((await alone.run(batch)).penalties.kl).toBeCloseTo(expected['kl.base'], 4);
    // With an adapter that changes nothing, the model in training is the reference and the trait.
    const fresh = await createLoraAdapterFor(model, adapter.config);
    const step = await compile({
      model,
      trainable: trainAdapter(fresh),
      regularizers: [...options.regularizers, kl()],
    });
    const swapped = await compile({
      model,
      trainable: trainAdapter(await loadLoraAdapter(trait, { model })),
      regularizers: [kl()],
    });
    const { penalties } = await step.run(batch);
    expect(penalties.kl).toBeGreaterThan(0.05);
    expect(penalties.kl).toBeCloseTo((await swapped.run(batch)).penalties.kl!, 5);
    for (const each of [alone, step, swapped]) await each.release();
  });

  it('adds up with others, and is beside what drops out and what trains all weights', async () => {
    const { model, adapter, batch, options } = await open();
    const lone = await loadLoraAdapter(trait, { model });
    const twice: Regularizer = {
      name: 'twice',
      config: { type: 'twice' },
      frozenAdapters: () => [lone, lone],
    };
    const doubled = await loadLoraAdapter(trait, { model });
    for (const { b } of doubled.modules) {
      const values = b.data as Float32Array;
      const start = b.offset;
      for (let at = 0; at < b.size; at++) values[start + at]! *= 3;
    }
    const thrice: Regularizer = {
      name: 'thrice',
      config: { type: 'thrice' },
      frozenAdapters: () => [doubled],
    };
    const dropping = await createLoraAdapterFor(model, { ...adapter.config, lora_dropout: 0.3 });
    dropping.parameters.set(adapter.parameters);
    for (const trainable of [options.trainable, trainAdapter(dropping), await trainAllWeights(model)]) {
      const compiled = [
        await compileTrainStep({ model, trainable, regularizers: [...options.regularizers, twice] }),
        await compileTrainStep({ model, trainable, regularizers: [thrice] }),
        await compileLayeredStep({ model, trainable, regularizers: [thrice] }),
      ];
      const [first, ...others] = compiled as [TrainStep, ...TrainStep[]];
      const { crossEntropy } = await first.run(batch);
      const plain = await first.evaluate(batch);
      expect(Math.abs(crossEntropy - plain)).toBeGreaterThan(0.02);
      for (const other of others) {
        expect((await other.run(batch)).crossEntropy).toBeCloseTo(crossEntropy, 4);
        expect(relativeError(other.gradients, first.gradients)).toBeLessThan(1e-4);
        expect(await other.evaluate(batch)).toBeCloseTo(plain, 5);
      }
      for (const step of compiled) await step.release();
    }
  });

  it('is refused where it does more than add to linear layers, by name, and where it is of another model', async () => {
    const { model, options } = await open();
    const opening = (adapter: string) =>
      compileTrainStep({ ...options, regularizers: [inoculationAdapter({ adapter })] });
    for (const [config, message] of [
      [{ use_dora: true }, 'inoculation-adapter: a frozen adapter has DoRA'],
      [{ modules_to_save: ['model.norm'] }, 'a frozen adapter has model.norm.weight, trained whole'],
      [{ trainable_token_indices: [3] }, 'embeddings of single tokens in model.embed_tokens'],
      [{ target_modules: ['q_proj', 'embed_tokens'] }, 'an update of the embedding model.embed_tokens'],
    ] as const) {
      const made = await createLoraAdapterFor(model, {
        r: 2,
        target_modules: ['q_proj'],
        ...config,
      } as never);
      const work = await mkdtemp(join(tmpdir(), 'safetune-frozen-'));
      await saveLoraAdapter(work, made);
      await expect(opening(work)).rejects.toThrow(message);
      await rm(work, { recursive: true });
    }
    await expect(opening(adapterDirectory('llama-lora-query-value'))).rejects.toMatchObject({
      name: 'AdapterFileError',
    });
    const wrong: Regularizer = { name: 'wrong', config: { type: 'wrong' }, frozenAdapters: () => [] };
    await expect(compileTrainStep({ ...options, regularizers: [wrong] })).rejects.toThrow(
      'wrong: its frozenAdapters are an object with no field, must be a list of adapters',
    );
  });

  it('is planned for, once it is opened', async () => {
    const { options } = await open();
    const batch = { size: 4, length: 64 };
    expect(() => plan({ ...options, batch })).toThrow(
      "frozenParts: 'inoculation-adapter' brings adapters of its own, which are not opened",
    );
    const frozenParts = await openFrozenParts(options);
    for (const memory of ['whole', 'layered'] as const) {
      const { chosen } = plan({ ...options, frozenParts, batch, memory });
      const without = plan({ ...options, regularizers: [], batch, memory }).chosen;
      expect(chosen.activations).toBeGreaterThan(without.activations);
      expect(chosen.trained).toBe(without.trained);
    }
  });
});

const python = pythonWith();

describe.skipIf(python === undefined)('beside peft (skipped: no python3 with its modules)', () => {
  it.each(['dora', 'saved-embedding-and-norms'])(
    'has its loss and gradients under another kind of adapter: %s',
    async (kind) => {
      const directory = lorasDirectory(kind);
      const { checkpoint } = await readJson<{ checkpoint: string }>(directory, 'expected.json');
      const model = await loadModel(checkpointDirectory(checkpoint));
      const work = await mkdtemp(join(tmpdir(), 'safetune-frozen-'));
      const other = await createLoraAdapterFor(
        model,
        {
          r: 4,
          lora_alpha: 16,
          use_rslora: true,
          target_modules: 'all-linear',
          base_model_name_or_path: checkpoint,
        },
        { seed: 9 },
      );
      for (const [index] of other.parameters.entries())
        other.parameters[index]! += 0.05 * Math.sin(3 * index);
      await saveLoraAdapter(join(work, 'frozen'), other);
      const adapter = await loadLoraAdapter(directory, { model });
      const batch = sampleBatch(model.config.vocabularySize);
      await writeSafetensors(join(work, 'batch.safetensors'), {
        input_ids: hostArray(batch.tokenIds, [batch.size, batch.length]),
        lengths: hostArray(batch.lengths, [batch.size]),
        response_mask: hostArray(Int32Array.from(batch.responseMask), [batch.size, batch.length]),
      });
      const said = (await runPython('make_frozen_parts.py', [
        ...['--model', checkpointDirectory(checkpoint), '--adapter', directory],
        ...['--frozen', join(work, 'frozen'), '--batch', join(work, 'batch.safetensors')],
      ])) as { loss: number; norms: Record<string, number> };
      const step = await compileLayeredStep({
        model,
        trainable: trainAdapter(adapter),
        regularizers: [inoculationAdapter({ adapter: join(work, 'frozen') })],
      });
      const { crossEntropy } = await step.run(batch);
      expect(Math.abs(crossEntropy / said.loss - 1)).toBeLessThan(1e-5);
      const found = Object.fromEntries(
        partsOf(adapter, step.gradients).map(([name, values]) => [name, Math.hypot(...values)]),
      );
      const norms = Object.entries(said.norms).map(([name, norm]) => [ownName(name, adapter), norm] as const);
      expect(norms.map(([name]) => name).sort()).toEqual(Object.keys(found).sort());
      for (const [name, norm] of norms) expect(Math.abs(found[name]! / norm - 1), name).toBeLessThan(1e-3);
      await step.release();
      await rm(work, { recursive: true });
    },
  );
});

/** Of a tensor as peft's modules call it. */
function ownName(name: string, { trained }: LoraAdapter): string {
  const plain = name.replace('base_model.model.', '').replace('.modules_to_save', '');
  return plain in trained ? plain : plain.replace(/\.weight$/, '');
}

function sampleBatch(vocabulary: number): Batch {
  return padBatch(
    [6, 11, 8].map((length, row) => ({
      tokenIds: Int32Array.from({ length }, (_, at) => (13 * row + 5 * at + 1) % vocabulary),
      responseMask: Uint8Array.from({ length }, (_, at) => (at > 2 ? 1 : 0)),
      tags: [],
    })),
    { padTokenId: 0 },
  );
}
