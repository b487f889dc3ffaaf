/** Penalties that are taken to an adapter or to another checkpoint. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoraAdapterFor, loadLoraAdapter, saveLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { kl, klOnAnchors, ldifs, named, type Reference, type Regularizer } from '@safetune/regularizers';
import { hostArray, readTensor, writeSafetensors } from '@safetune/tensor';
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
import { changedCheckpoint } from '../__fixtures__/small-run.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import { plan } from '../plan/plan.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { withEmbeddingNoise } from './embedding-noise.ts';
import { openFrozenParts } from './frozen-parts.ts';
import type { TrainStep, TrainStepOptions } from './train-step.ts';
import { trainAdapter, trainAllWeights } from './trainable.ts';

const folder = goldensDirectory('frozen-parts');
const references = {
  base: 'base',
  adapter: { adapter: join(folder, 'trait') },
  checkpoint: { checkpoint: goldensDirectory('safe-lora/aligned') },
} as const satisfies Record<string, Reference>;

interface Expected {
  readonly checkpoint: string;
  readonly adapter: string;
  readonly [term: string]: string | number;
}

/** KL and LDIFS to each of the references, six penalties in one step. */
const everyPenalty = (): Regularizer[] =>
  Object.entries(references).flatMap(([name, reference]) => [
    named(`kl.${name}`, kl({ reference })),
    named(`ldifs.${name}`, ldifs({ layers: [1, 2, 3], reference })),
  ]);

async function open() {
  const expected = await readJson<Expected>(folder, 'expected.json');
  const model = await loadModel(checkpointDirectory(expected.checkpoint));
  const directory = adapterDirectory(expected.adapter);
  const adapter = await loadLoraAdapter(directory, { model });
  const batch = await goldenBatch(await openSafetensors(join(directory, 'expected.safetensors')), 'batch.');
  const options = { model, trainable: trainAdapter(adapter), regularizers: everyPenalty() };
  return { expected, model, adapter, batch, options, names: options.regularizers.map(({ name }) => name) };
}

const modes: [string, (options: TrainStepOptions) => Promise<TrainStep>][] = [
  ['whole', compileTrainStep],
  [
    'recomputed, in pieces',
    (options) => compileTrainStep({ ...options, recompute: 'all', headPieces: { count: 3, rows: 8 } }),
  ],
  ['packed', (options) => compileTrainStep({ ...options, packing: true })],
  ['layered', compileLayeredStep],
  [
    'streamed, packed, in pieces',
    (options) =>
      compileLayeredStep({
        ...options,
        weights: 'streamed',
        packing: true,
        headPieces: { count: 2, rows: 10 },
      }),
  ],
];

describe('penalties to several references in one step', () => {
  it.each(modes)('have the values and gradients of PyTorch: %s', async (_name, compile) => {
    const { expected, adapter, batch, options, names } = await open();
    const step = await compile(options);
    const truths = await openSafetensors(join(folder, 'expected.safetensors'));
    const weightsOf = (chosen?: string) =>
      Object.fromEntries(names.map((name) => [name, name === chosen ? 1 : 0]));
    const { penalties } = await step.run(batch, weightsOf());
    for (const name of names) expect(penalties[name]! / (expected[name] as number), name).toBeCloseTo(1, 4);
    for (const name of names.filter((each) => !each.endsWith('.base'))) {
      await step.run(batch, weightsOf(name), { taskWeight: 0 });
      let start = 0;
      for (const [tensor, { size }] of Object.entries(adapter.trained)) {
        const key = `${name}.base_model.model.${tensor}`;
        const truth = (await readTensor(truths.tensors.get(key)!)).data as Float32Array;
        start += size;
        expect(Math.hypot(...truth), key).toBeGreaterThan(1e-5);
        expect(relativeError(step.gradients.subarray(start - size, start), truth), key).toBeLessThan(1e-3);
      }
    }
    await step.release();
  });

  it('are the same where all weights are trained, from whose start the checkpoint stays apart', async () => {
    const { model, batch, names } = await open();
    const found: number[][] = [];
    for (const compile of [compileTrainStep, compileLayeredStep]) {
      const trainable = await trainAllWeights(model);
      const step = await compile({ model, trainable, regularizers: everyPenalty() });
      const { penalties } = await step.run(batch);
      expect(penalties['kl.base']).toBeCloseTo(0, 5);
      expect(penalties['kl.checkpoint']).toBeGreaterThan(0.01);
      expect(penalties['ldifs.adapter']).toBeGreaterThan(0.01);
      const norm = Math.hypot(...step.gradients);
      trainable.parameters.forEach((value, index) => {
        trainable.parameters[index] = value * 1.01;
      });
      const moved = (await step.run(batch)).penalties;
      expect(moved['kl.base']).toBeGreaterThan(1e-5);
      found.push([...names.flatMap((name) => [penalties[name]!, moved[name]!]), norm]);
      await step.release();
    }
    const [whole, layered] = found as [number[], number[]];
    whole.forEach((value, index) => {
      expect(Math.abs(layered[index]! - value)).toBeLessThan(1e-4 * Math.abs(value) + 1e-5);
    });
  });

  it.each([
    ['whole', compileTrainStep],
    ['layered', compileLayeredStep],
  ] as const)('are each those of their own batches, where one is on anchors: %s', async (_name, compile) => {
    const { expected, batch, options } = await open();
    const anchors = [{ messages: [{ role: 'assistant', content: 'yes' }] }];
    const regularizers = [
      kl({ reference: references.adapter }),
      klOnAnchors({ anchors, reference: references.checkpoint }),
    ];
    const step = await compile({ ...options, regularizers });
    const weights = { kl: 1, 'kl-on-anchors': 1 };
    const { penalties: onTask } = await step.run(batch, { ...weights, 'kl-on-anchors': 0 });
    const { penalties: onAnchors } = await step.run(batch, { ...weights, kl: 0 }, { isAnchor: true });
    expect(onTask.kl! / (expected['kl.adapter'] as number)).toBeCloseTo(1, 4);
    expect(onAnchors['kl-on-anchors']! / (expected['kl.checkpoint'] as number)).toBeCloseTo(1, 4);
    await step.release();
  });

  it('have no noise on their embeddings, in either mode', async () => {
    const { model, adapter, batch } = await open();
    adapter.parameters.fill(0);
    const trainable = withEmbeddingNoise(trainAdapter(adapter), 20, model.config.hiddenSize);
    const regularizers = [kl({ scope: 'all' })];
    const found: number[] = [];
    for (const compile of [compileTrainStep, compileLayeredStep]) {
      const step = await compile({ model, trainable, regularizers });
      found.push((await step.run(batch)).penalties.kl!);
      await step.release();
    }
    expect(found[0]).toBeGreaterThan(1e-3);
    expect(found[1]).toBeCloseTo(found[0]!, 5);
  });
});

describe('a reference', () => {
  it('is shared by those who name the same', async () => {
    const { options } = await open();
    const [adapter, other] = [references.adapter, references.checkpoint];
    const { references: opened } = await openFrozenParts({
      model: options.model,
      regularizers: [
        kl({ reference: adapter }),
        ldifs({ reference: { ...adapter } }),
        named('kl-2', kl({ reference: other })),
      ],
    });
    expect([...opened.keys()]).toEqual([`adapter ${adapter.adapter}`, `checkpoint ${other.checkpoint}`]);
  });

  it('is planned for, once it is opened: another checkpoint with its weights', async () => {
    const { options } = await open();
    const { model, trainable } = options;
    const batch = { size: 4, length: 64 };
    const planned = async (reference: Reference, memory: 'whole' | 'layered') => {
      const regularizers = [kl({ reference })];
      const frozenParts = await openFrozenParts({ model, regularizers });
      return plan({ model, trainable, regularizers, frozenParts, batch, memory }).chosen;
    };
    expect(() => plan({ ...options, batch })).toThrow('frozenParts: the reference adapter ');
    const bytes = [...model.weights.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    for (const memory of ['whole', 'layered'] as const) {
      const [base, adapter, checkpoint] = [
        await planned('base', memory),
        await planned(references.adapter, memory),
        await planned(references.checkpoint, memory),
      ];
      expect(adapter.weights).toBe(base.weights);
      expect(checkpoint.weights - base.weights).toBeGreaterThan(0.7 * bytes);
      expect(checkpoint.weights - base.weights).toBeLessThan(1.3 * bytes);
    }
  });

  it('that is another architecture or has another tokenizer is refused by name', async () => {
    const { options } = await open();
    const compile = (checkpoint: string) =>
      compileTrainStep({ ...options, regularizers: [kl({ reference: { checkpoint } })] });
    const llama = checkpointDirectory('llama-untied-float32');
    await expect(compile(llama)).rejects.toThrow(
      `kl: the reference ${llama} is another architecture: its type is llama, the model's is qwen2`,
    );
    const work = await mkdtemp(join(tmpdir(), 'safetune-reference-'));
    const own = checkpointDirectory('qwen2-tied-bfloat16');
    await cp(own, work, { recursive: true });
    const file = join(own, 'tokenizer.json');
    const content = await readJson<{ model: { vocab: Record<string, number> } }>(file);
    const { vocab } = content.model;
    const [first, second] = Object.keys(vocab) as [string, string];
    [vocab[first], vocab[second]] = [vocab[second]!, vocab[first]!];
    await writeFile(join(work, 'tokenizer.json'), JSON.stringify(content));
    await expect(compile(work)).rejects.toThrow(`kl: the reference ${work} has another tokenizer: token `);
    await expect(compile(join(work, 'nowhere'))).rejects.toThrow('nowhere');
    await rm(work, { recursive: true });
  });
});

describe.skipIf(pythonWith() === undefined)('beside peft (skipped: no python3 with its modules)', () => {
  it('have its values and gradients in another model', async () => {
    const checkpoint = checkpointDirectory('llama-untied-float32');
    const model = await loadModel(checkpoint);
    const other = await changedCheckpoint('model.layers.0.mlp.up_proj.weight', (values) => {
      values.forEach((value, index) => {
        values[index] = value + 0.2 * Math.sin(index);
      });
    });
    const work = await mkdtemp(join(tmpdir(), 'safetune-reference-'));
    const safe = await createLoraAdapterFor(
      model,
      { r: 4, target_modules: ['q_proj', 'up_proj'], use_dora: true, base_model_name_or_path: checkpoint },
      { seed: 4 },
    );
    safe.parameters.forEach((value, index) => {
      safe.parameters[index] = value + 0.1 * Math.cos(index);
    });
    await saveLoraAdapter(join(work, 'safe'), safe);
    const directory = adapterDirectory('llama-lora-query-value');
    const batch = await goldenBatch(await openSafetensors(join(directory, 'expected.safetensors')), 'batch.');
    await writeSafetensors(join(work, 'batch.safetensors'), {
      input_ids: hostArray(batch.tokenIds, [batch.size, batch.length]),
      lengths: hostArray(batch.lengths, [batch.size]),
      response_mask: hostArray(Int32Array.from(batch.responseMask), [batch.size, batch.length]),
    });
    const said = (await runPython('make_frozen_parts.py', [
      ...['--model', checkpoint, '--adapter', directory, '--frozen', join(work, 'safe')],
      ...['--batch', join(work, 'batch.safetensors'), '--other', other],
    ])) as Record<string, { value: number; norm: number }>;
    const regularizers = Object.entries({
      adapter: { adapter: join(work, 'safe') },
      checkpoint: { checkpoint: other },
    }).flatMap(([name, reference]) => [
      named(`kl.${name}`, kl({ reference })),
      named(`ldifs.${name}`, ldifs({ layers: 'all', reference })),
    ]);
    const trainable = trainAdapter(await loadLoraAdapter(directory, { model }));
    const step = await compileLayeredStep({ model, trainable, regularizers, packing: true });
    for (const { name } of regularizers) {
      const weights = Object.fromEntries(regularizers.map((each) => [each.name, each.name === name ? 1 : 0]));
      const { penalties } = await step.run(batch, weights, { taskWeight: 0 });
      const { value, norm } = said[name]!;
      expect(value, name).toBeGreaterThan(0.01);
      expect(Math.abs(penalties[name]! / value - 1), name).toBeLessThan(1e-4);
      expect(Math.abs(Math.hypot(...step.gradients) / norm - 1), name).toBeLessThan(1e-3);
    }
    await step.release();
    for (const made of [work, other]) await rm(made, { recursive: true });
  });
});
