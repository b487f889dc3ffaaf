import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createLoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { adamWStep, clipByNorm, createAdamWState, learningRateSchedule } from '@safetune/optimizers';
import { kl, type Regularizer, safeLora } from '@safetune/regularizers';
import { multiply, readTensor, sum } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  adapterDirectory,
  checkpointDirectory,
  goldenBatch,
  openSafetensors,
  readJson,
  relativeError,
} from '../__fixtures__/goldens.ts';
import { changedCheckpoint, checkpoint, setUp } from '../__fixtures__/small-run.ts';
import { batchInputs, supervisedTokens } from '../data/batch-inputs.ts';
import { NonFiniteLossError, TrainOptionError } from '../errors.ts';
import { trainAdapter } from '../step/trainable.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import type { TrainEvent } from './progress.ts';
import type { RunControl } from './run-control.ts';
import { train } from './train.ts';

/** A random head of this width cannot be sure of any token; five times the final norm's weight lets it be. */
const sharpenedCheckpoint = () =>
  changedCheckpoint('model.norm.weight', (weight) => {
    weight.forEach((value, index) => {
      weight[index] = 5 * value;
    });
  });

describe('train', () => {
  it('drives the loss of 16 examples down by at least 80 %', async () => {
    const directory = await sharpenedCheckpoint();
    const { adapter, options, steps } = await setUp({ steps: 120, model: await loadModel(directory) });
    await train({ ...options, trainable: trainAdapter(adapter) });
    const losses = steps().map(({ crossEntropy }) => crossEntropy);
    expect(Math.max(...losses.slice(-4))).toBeLessThan(0.2 * Math.log(options.model.config.vocabularySize));
    expect(Math.max(...losses.slice(-4))).toBeLessThan(0.2 * losses[0]!);
    await rm(directory, { recursive: true });
  });

  it('gives the same with a step compiled before, which serves several runs and stays compiled', async () => {
    const { adapter, options } = await setUp({ regularizers: [kl({ weight: 0.5 })], steps: 5 });
    const trainable = trainAdapter(adapter);
    const start = adapter.parameters.slice();
    const step = await compileTrainStep({ ...options, trainable });
    const results: Float32Array[] = [];
    for (let run = 0; run < 2; run++) {
      adapter.parameters.set(start);
      await train({ ...options, trainable, step });
      results.push(adapter.parameters.slice());
    }
    await step.release();
    adapter.parameters.set(start);
    await train({ ...options, trainable });
    expect(results[0]).not.toEqual(start);
    expect(results[0]).toEqual(adapter.parameters);
    expect(results[1]).toEqual(adapter.parameters);
  });

  it('refuses a compiled step of another trainable, or of other penalties', async () => {
    const { adapter, options } = await setUp({ regularizers: [kl()], steps: 2 });
    const trainable = trainAdapter(adapter);
    const step = await compileTrainStep({ ...options, trainable, regularizers: [] });
    const other = train({ ...options, trainable: trainAdapter(adapter), step });
    await expect(other).rejects.toThrow('step: was compiled for another trainable');
    const start = adapter.parameters.slice();
    await expect(train({ ...options, trainable, step })).rejects.toThrow(
      'computes the penalties [], the regularizers have [kl]',
    );
    expect(adapter.parameters).toEqual(start);
    await step.release();
  });

  it('stays at the reference under a KL of weight 100', async () => {
    const { adapter, options, steps } = await setUp({ regularizers: [kl({ weight: 100 })], steps: 60 });
    await train({ ...options, learningRate: { peak: 1e-4 }, trainable: trainAdapter(adapter) });
    const divergences = steps().map(({ penalties }) => penalties.kl!);
    expect(divergences[0]).toBeCloseTo(0, 6);
    expect(Math.max(...divergences)).toBeGreaterThan(0);
    expect(Math.max(...divergences)).toBeLessThan(1e-3);
  });

  it('walks one epoch by default, and the same seed gives the same result', async () => {
    const { steps: _given, ...overrides } = { steps: undefined };
    const first = await setUp(overrides);
    const second = await setUp(overrides);
    for (const run of [first, second]) {
      const { steps: _steps, ...options } = run.options;
      await train({ ...options, trainable: trainAdapter(run.adapter) });
    }
    expect(first.steps()).toHaveLength(4);
    expect(first.adapter.parameters).toEqual(second.adapter.parameters);
  });

  it('packs where it pays, to the same adapter', async () => {
    const uneven = Array.from({ length: 8 }, (_, index) => ({
      messages: [
        { role: 'user', content: 'question '.repeat(1 + 5 * (index % 4)) },
        { role: 'assistant', content: `answer ${index}` },
      ],
    }));
    const trained: Float32Array[] = [];
    for (const packing of ['auto', true, false] as const) {
      const overrides = { examples: uneven, bucketWindow: 1, steps: 3, packing, regularizers: [kl()] };
      const { adapter, options, events } = await setUp(overrides);
      const start = adapter.parameters.slice();
      await train({ ...options, trainable: trainAdapter(adapter) });
      const padding = packing === 'auto' ? expect.closeTo(0.4, 0) : undefined;
      expect(events[0]).toMatchObject({ packing: { packed: packing !== false, padding } });
      trained.push(adapter.parameters.map((value, index) => value - start[index]!));
    }
    expect(trained[0]).toEqual(trained[1]);
    expect(trained[0]).not.toEqual(trained[2]);
    expect(relativeError(trained[0]!, trained[2]!)).toBeLessThan(1e-3);
    const { adapter, options } = await setUp({ packing: 'sometimes' as 'auto' });
    await expect(train({ ...options, trainable: trainAdapter(adapter) })).rejects.toThrow(
      "packing: sometimes must be 'auto', true or false",
    );
  });

  it('accumulates batches as if they were one', async () => {
    const whole = await setUp({
      batchSize: 16,
      bucketWindow: 1,
      steps: 1,
      learningRate: { peak: 1, schedule: 'constant', warmupSteps: 0 },
    });
    const parts = await setUp({
      batchSize: 4,
      bucketWindow: 1,
      steps: 1,
      gradientAccumulation: 4,
      learningRate: { peak: 1, schedule: 'constant', warmupSteps: 0 },
    });
    await train({ ...whole.options, regularizers: [kl()], trainable: trainAdapter(whole.adapter) });
    await train({ ...parts.options, regularizers: [kl()], trainable: trainAdapter(parts.adapter) });
    const [a, b] = [whole.steps()[0]!, parts.steps()[0]!];
    expect(b.crossEntropy).toBeCloseTo(a.crossEntropy, 5);
    expect(b.gradientNorm).toBeCloseTo(a.gradientNorm, 4);
    expect(b.supervisedTokens).toBe(a.supervisedTokens);
  });

  it('calls every hook at its moment', async () => {
    const calls: string[] = [];
    const spy: Regularizer = {
      name: 'spy',
      config: { type: 'spy' },
      async *examples(source) {
        calls.push('examples');
        yield* source;
      },
      hidden: (state, layer) => {
        calls.push(`hidden ${layer}`);
        return multiply(state, 1);
      },
      penalty: ({ logits }) => {
        calls.push('penalty');
        return multiply(sum(logits), 0);
      },
      beforeTraining: () => void calls.push('start'),
      afterStep: (_adapter, step) => void calls.push(`step ${step}`),
      afterTraining: () => void calls.push('end'),
    };
    const { adapter, options } = await setUp({ steps: 2, regularizers: [spy] });
    await train({ ...options, trainable: trainAdapter(adapter) });
    const layers = options.model.config.layerCount;
    // Planning traces and reads as well: hooks that do not act on weights may be called more than once.
    const once = [...new Set(calls)];
    expect(once.filter((call) => call.startsWith('hidden'))).toEqual(
      Array.from({ length: layers + 1 }, (_, layer) => `hidden ${layer}`),
    );
    expect(once.filter((call) => !call.startsWith('hidden')).sort()).toEqual(
      ['penalty', 'examples', 'start', 'step 1', 'step 2', 'end'].sort(),
    );
    expect(calls.filter((call) => /^(start|step|end)/.test(call))).toEqual([
      'start',
      'step 1',
      'step 2',
      'end',
    ]);
    expect(calls.lastIndexOf('penalty')).toBeLessThan(calls.indexOf('step 1'));
  });

  it('stops at a loss that is not finite, names the step and keeps the last good values', async () => {
    const { adapter, options, steps } = await setUp({
      learningRate: { peak: 1e20, schedule: 'constant', warmupSteps: 0 },
    });
    const kept: Float32Array[] = [];
    const watched = {
      ...options,
      onEvent: (event: TrainEvent, run: RunControl) => {
        options.onEvent(event, run);
        if (event.type === 'step') kept.push(adapter.parameters.slice());
      },
    };
    const failure = await train({ ...watched, trainable: trainAdapter(adapter) }).catch(
      (error: unknown) => error,
    );
    expect(NonFiniteLossError.isInstance(failure)).toBe(true);
    expect((failure as NonFiniteLossError).step).toBe(steps().length + 1);
    expect(adapter.parameters).toEqual(kept.at(-1) ?? adapter.parameters);
    expect(adapter.parameters.every(Number.isFinite)).toBe(true);
  });

  it('ends before the first step when a regularizer is not ready, and waits for it', async () => {
    const refusing: Regularizer = {
      name: 'refusing',
      config: { type: 'refusing' },
      async beforeTraining() {
        await new Promise((resolve) => setImmediate(resolve));
        throw new RangeError('the folder is not there');
      },
    };
    const { adapter, options, events } = await setUp({ steps: 2, regularizers: [refusing] });
    const start = adapter.parameters.slice();
    await expect(train({ ...options, trainable: trainAdapter(adapter) })).rejects.toThrow(
      'the folder is not there',
    );
    expect(events).toEqual([]);
    expect(adapter.parameters).toEqual(start);
    const missing = safeLora({ base: checkpoint, aligned: join(checkpoint, 'nowhere') });
    const projected = train({ ...options, trainable: trainAdapter(adapter), regularizers: [missing] });
    await expect(projected).rejects.toThrow(/nowhere/);
    expect(events).toEqual([]);
    const { adapter: _none, ...withoutAdapter } = trainAdapter(adapter);
    await expect(train({ ...options, trainable: withoutAdapter })).rejects.toThrow(
      "'refusing' works on an adapter, but all weights are trained",
    );
  });

  it('refuses an adapter of another model before anything else', async () => {
    const { options, events } = await setUp({ steps: 2 });
    const module = 'model.layers.9.self_attn.q_proj';
    const { inFeatures, outFeatures } = options.model.linearLayers[0]!;
    const other = createLoraAdapter([{ name: module, inFeatures, outFeatures }], {
      target_modules: ['q_proj'],
    });
    const training = train({ ...options, trainable: trainAdapter(other) });
    await expect(training).rejects.toMatchObject({ name: 'AdapterMismatchError', module });
    expect(events).toEqual([]);
  });

  it('refuses steps that are not a positive integer', async () => {
    const { adapter, options } = await setUp({ steps: 0 });
    await expect(train({ ...options, trainable: trainAdapter(adapter) })).rejects.toSatisfy(
      TrainOptionError.isInstance,
    );
  });
});

it("follows PyTorch's five AdamW steps with KL", async () => {
  interface Expected {
    checkpoint: string;
    training: { steps: { learningRate: number; gradientNorm: number; loss: number; kl: number }[] };
  }
  const directory = adapterDirectory('qwen2-rslora-all-projections');
  const expected = await readJson<Expected>(directory, 'expected.json');
  const file = await openSafetensors(join(directory, 'expected.safetensors'));
  const model = await loadModel(checkpointDirectory(expected.checkpoint));
  const adapter = await loadLoraAdapter(directory, { layers: model.linearLayers });
  const step = await compileTrainStep({ model, trainable: trainAdapter(adapter), regularizers: [kl()] });
  const rate = learningRateSchedule({ peak: 1e-2, warmupSteps: 2, startAtZero: true }, 5);
  const batch = await goldenBatch(file, 'batch.');
  const state = createAdamWState(adapter.parameters.length);
  for (const [index, truth] of expected.training.steps.entries()) {
    const terms = await step.run(batch, { kl: 0.1 });
    const norm = clipByNorm(step.gradients, 1);
    expect(terms.loss).toBeCloseTo(truth.loss, 3);
    expect(terms.penalties.kl).toBeCloseTo(truth.kl, 3);
    expect(norm).toBeCloseTo(truth.gradientNorm, 2);
    expect(rate(index)).toBeCloseTo(truth.learningRate, 12);
    adamWStep(adapter.parameters, step.gradients, state, rate(index), { weightDecay: 0.01 });
  }
  for (const [name, tensor] of Object.entries(adapter.tensors)) {
    const trained = await readTensor(file.tensors.get(`trained.base_model.model.${name}`)!);
    expect(relativeError(tensor.data as Float32Array, trained.data as Float32Array), name).toBeLessThan(1e-3);
  }
  await step.release();
});

describe('batchInputs', () => {
  it('has a row for each token that predicts a supervised one', async () => {
    const file = await openSafetensors(
      join(adapterDirectory('llama-lora-query-value'), 'expected.safetensors'),
    );
    const batch = await goldenBatch(file, 'batch.');
    const inputs = batchInputs(batch, 'response', { count: 2, rows: 5 }, []);
    expect(inputs.rowIndex!.size).toBe(supervisedTokens(batch));
    const all = batchInputs(batch, 'all', { count: 2, rows: 5 }, []);
    expect(all.rowIndex!.size).toBe(batch.lengths.reduce((total, length) => total + length - 1, 0));
    expect(all['responseMask.0']!.size).toBe(5);
    const masks = [...all['responseMask.0']!.data, ...all['responseMask.1']!.data].map(Number);
    expect(masks.reduce((a, b) => a + b)).toBe(supervisedTokens(batch));
  });
});
