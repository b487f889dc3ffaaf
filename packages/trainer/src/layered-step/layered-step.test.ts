import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { padBatch } from '@safetune/datasets';
import { createLoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { type CausalLm, loadModel } from '@safetune/models';
import { kl, ldifs, type Regularizer } from '@safetune/regularizers';
import {
  add,
  constant,
  exactIntegerTypes,
  GradientError,
  hostArray,
  multiply,
  square,
  sum,
  tanh,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  adapterDirectory,
  checkpointDirectory,
  goldenBatch,
  openSafetensors,
  readJson,
  relativeError,
} from '../__fixtures__/goldens.ts';
import { TrainOptionError } from '../errors.ts';
import type { TrainStep } from '../step/train-step.ts';
import { type Trainable, trainAdapter, trainAllWeights } from '../step/trainable.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { compileLayeredStep, type LayeredStepOptions } from './layered-step.ts';

async function goldenCase(name: string) {
  const directory = adapterDirectory(name);
  const { checkpoint } = await readJson<{ checkpoint: string }>(directory, 'expected.json');
  const model = await loadModel(checkpointDirectory(checkpoint));
  const adapter = await loadLoraAdapter(directory, { layers: model.linearLayers });
  const batch = await goldenBatch(await openSafetensors(join(directory, 'expected.safetensors')), 'batch.');
  return { model, trainable: trainAdapter(adapter), batch };
}

/** Gradient of each trained tensor, out of the step's flat buffer. */
function gradientsByName({ trainable, gradients }: TrainStep): [string, Float32Array][] {
  let start = 0;
  return Object.entries(trainable.tensors).map(([name, { size }]) => {
    start += size;
    return [name, gradients.subarray(start - size, start)];
  });
}

/** Runs both steps and compares every number they give. */
async function expectEqualSteps(
  options: LayeredStepOptions,
  batch: Parameters<TrainStep['run']>[0],
  weights: Readonly<Record<string, number>> = {},
) {
  const [whole, layered] = [await compileTrainStep(options), await compileLayeredStep(options)];
  try {
    for (const share of [1, 0.25]) {
      const [expected, terms] = [
        await whole.run(batch, weights, { taskWeight: share }),
        await layered.run(batch, weights, { taskWeight: share }),
      ];
      expect(Math.abs(terms.loss - expected.loss)).toBeLessThan(1e-5 * Math.max(1, Math.abs(expected.loss)));
      expect(terms.crossEntropy).toBeCloseTo(expected.crossEntropy, 5);
      expect(Object.keys(terms.penalties)).toEqual(Object.keys(expected.penalties));
      for (const [name, value] of Object.entries(expected.penalties)) {
        expect(terms.penalties[name], name).toBeCloseTo(value, 5);
      }
      const truths = gradientsByName(whole);
      gradientsByName(layered).forEach(([name, values], index) => {
        expect(
          truths[index]![1].some((value) => value !== 0),
          name,
        ).toBe(true);
        expect(relativeError(values, truths[index]![1]), name).toBeLessThan(1e-4);
      });
    }
  } finally {
    await Promise.all([whole.release(), layered.release()]);
  }
}

/** Every kind of hook at once: logits, states before and after, edits that are and are not linear, tags. */
function everything({ config }: CausalLm): Regularizer[] {
  const vector = constant(
    hostArray(
      Float32Array.from({ length: config.hiddenSize }, (_, at) => 0.1 * Math.sin(at)),
      [config.hiddenSize],
    ),
  );
  const steering: Regularizer = {
    name: 'steering',
    config: { type: 'steering' },
    hidden: (state, layer) => (layer === 0 ? add(state, vector) : layer === 2 ? tanh(state) : state),
  };
  const lastLayer: Regularizer = {
    name: 'last-layer',
    config: { type: 'last-layer' },
    needs: { hiddenStates: [0, config.layerCount], tags: ['marked'] },
    penalty: ({ hiddenStates, tagged }) =>
      multiply(add(sum(tagged('marked')), 1), sum(square(hiddenStates.get(config.layerCount)!))),
  };
  return [kl({ scope: 'all', direction: 'reverse' }), ldifs({ layers: [0, 1, 2] }), steering, lastLayer];
}

describe.each(['qwen2-rslora-all-projections', 'llama-lora-query-value'])(
  'layer by layer equals the whole: %s',
  (name) => {
    it('cross-entropy alone', async () => {
      const { batch, ...options } = await goldenCase(name);
      await expectEqualSteps(options, batch);
    });

    it('with KL and LDIFS', async () => {
      const { batch, ...options } = await goldenCase(name);
      await expectEqualSteps({ ...options, regularizers: [kl(), ldifs()] }, batch, { kl: 0.3, ldifs: 2 });
    });
  },
);

describe('every kind of hook', () => {
  it.each(['resident', 'streamed'] as const)('with %s weights', async (weights) => {
    const { batch, ...options } = await goldenCase('qwen2-rslora-all-projections');
    const marked = {
      ...batch,
      examples: batch.examples.map((example, index) => ({ ...example, tags: index === 0 ? ['marked'] : [] })),
    };
    const regularizers = everything(options.model);
    await expectEqualSteps({ ...options, regularizers, weights }, marked, {
      kl: 0.5,
      ldifs: 3,
      'last-layer': 1e-3,
    });
  });
});

const integerTypes = await exactIntegerTypes();
const kernels = (['int8', 'int8x3'] as const).flatMap((precision) =>
  integerTypes.map((integers) => [precision, integers] as const),
);

describe.each(kernels)('weights in %s of %s', (precision, integers) => {
  it('are fed as they are, to nearly the same gradients', async () => {
    const cacheDirectory = await mkdtemp(join(tmpdir(), 'safetune-layered-'));
    const { batch, trainable, model } = await goldenCase('qwen2-rslora-all-projections');
    const quantised = await loadModel(model.directory, { precision, integers, cacheDirectory });
    const options = { model: quantised, trainable, regularizers: [kl()] };
    const [whole, layered] = [await compileTrainStep(options), await compileLayeredStep(options)];
    const [expected, terms] = [await whole.run(batch), await layered.run(batch)];
    // A last bit may round an activation to the next of 255 steps.
    expect(terms.loss).toBeCloseTo(expected.loss, 3);
    expect(relativeError(layered.gradients, whole.gradients)).toBeLessThan(
      precision === 'int8' ? 2e-2 : 1e-3,
    );
    await Promise.all([whole.release(), layered.release()]);
    await rm(cacheDirectory, { recursive: true });
  });
});

it('trains every weight: tied embeddings, norms and biases', async () => {
  const directory = checkpointDirectory('qwen2-tied-bfloat16');
  const model = await loadModel(directory);
  const { batch } = await goldenCase('qwen2-rslora-all-projections');
  const trainable = await trainAllWeights(model);
  // Away from the reference, which has the same names for other values.
  trainable.parameters.forEach((value, index) => {
    trainable.parameters[index] = value * (1 + 0.1 * Math.sin(index));
  });
  await expectEqualSteps({ model, trainable, regularizers: [kl(), ldifs({ layers: [0, 1] })] }, batch, {
    kl: 0.3,
    ldifs: 2,
  });
});

it('attends in blocks of heads', async () => {
  const { batch, ...options } = await goldenCase('qwen2-rslora-all-projections');
  const whole = { ...options, regularizers: [kl()] };
  const [atOnce, inBlocks] = [
    await compileTrainStep(whole),
    await compileLayeredStep({ ...whole, attentionBlocks: 2 }),
  ];
  const [expected, terms] = [await atOnce.run(batch), await inBlocks.run(batch)];
  expect(terms.loss).toBeCloseTo(expected.loss, 5);
  expect(relativeError(inBlocks.gradients, atOnce.gradients)).toBeLessThan(1e-4);
  await Promise.all([atOnce.release(), inBlocks.release()]);
});

it('has blocks of different adapters, and none below', async () => {
  const { model, batch } = await goldenCase('qwen2-rslora-all-projections');
  const { layerCount } = model.config;
  const last = layerCount - 1;
  const adapter = createLoraAdapter(
    model.linearLayers,
    {
      r: 2,
      target_modules: ['q_proj', 'down_proj'],
      layers_to_transform: [last - 1, last],
      rank_pattern: { [`layers.${last}.self_attn.q_proj`]: 3 },
    },
    { seed: 4 },
  );
  adapter.parameters.forEach((_, index) => {
    adapter.parameters[index] = 0.05 * Math.sin(index);
  });
  await expectEqualSteps(
    { model, trainable: trainAdapter(adapter), regularizers: [ldifs({ layers: [1] })] },
    batch,
  );
});

it('runs batches of any shape one after another, and lets the event loop run in between', async () => {
  const { batch, ...options } = await goldenCase('llama-lora-query-value');
  const layered = await compileLayeredStep({ ...options, regularizers: [kl()] });
  const first = await layered.run(batch);
  const gradients = layered.gradients.slice();
  const tokenIds = batch.tokenIds.slice(0, 4);
  const short = padBatch([{ tokenIds, responseMask: Uint8Array.of(0, 1, 1, 1), tags: [] }], {
    padTokenId: 0,
  });
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 0);
  await layered.run(short);
  clearInterval(timer);
  expect(layered.gradients).not.toEqual(gradients);
  expect(await layered.run(batch)).toEqual(first);
  expect(layered.gradients).toEqual(gradients);
  expect(turns).toBeGreaterThan(0);
  await layered.release();
});

describe('bad input', () => {
  it('refuses a trained tensor that nothing uses', async () => {
    const { model, trainable } = await goldenCase('llama-lora-query-value');
    const parameters = new Float32Array(trainable.parameters.length + 1);
    const more: Trainable = {
      ...trainable,
      parameters,
      tensors: { ...trainable.tensors, idle: hostArray(parameters.subarray(0, 1), [1]) },
    };
    await expect(compileLayeredStep({ model, trainable: more })).rejects.toSatisfy(
      (error) => GradientError.isInstance(error) && error.message.includes('idle'),
    );
  });

  it('refuses two regularizers of one name', async () => {
    const { model, trainable } = await goldenCase('llama-lora-query-value');
    await expect(compileLayeredStep({ model, trainable, regularizers: [kl(), kl()] })).rejects.toSatisfy(
      TrainOptionError.isInstance,
    );
  });
});
