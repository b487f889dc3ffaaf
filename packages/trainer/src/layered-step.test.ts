import { join } from 'node:path';
import { loadLoraAdapter } from '@safetune/lora';
import { type CausalLm, loadModel } from '@safetune/models';
import { kl, ldifs, type Regularizer } from '@safetune/regularizers';
import { add, constant, hostArray, multiply, square, sum, tanh } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  adapterDirectory,
  checkpointDirectory,
  goldenBatch,
  openSafetensors,
  readJson,
  relativeError,
} from './__fixtures__/goldens.ts';
import { compileLayeredStep, type LayeredStepOptions } from './layered-step.ts';
import { compileTrainStep, type TrainStep } from './train-step.ts';
import { trainAdapter } from './trainable.ts';

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
        await whole.run(batch, weights, share),
        await layered.run(batch, weights, share),
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
function _everything({ config }: CausalLm): Regularizer[] {
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
