import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyLoraAdapter, type LoraAdapter, weightUpdate } from '@safetune/lora';
import { l2Sp, type Regularizer } from '@safetune/regularizers';
import { contiguousData, multiply, openSafetensors, square, subtract, sum } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { relativeError } from '../__fixtures__/goldens.ts';
import { examples, setUp } from '../__fixtures__/small-run.ts';
import { planTraining } from '../plan/planned-step.ts';
import { trainAdapter, trainAllWeights } from '../step/trainable.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { openParameterPenalties } from './parameter-penalties.ts';
import { train } from './train.ts';

/** Half the sum of the squares of the updates' entries, formed. */
function halfSquares(adapter: LoraAdapter): number {
  const ofModule = adapter.modules.map((module) =>
    (contiguousData(weightUpdate(module)) as Float32Array).reduce((total, value) => total + value * value, 0),
  );
  return ofModule.reduce((total, value) => total + value, 0) / 2;
}

const apart = (a: Float32Array, b: Float32Array) => a.map((value, index) => value - b[index]!);

describe('penalties over what is trained', () => {
  it('add their weighted gradient to that of the step, and their value to the loss', async () => {
    const { adapter, options } = await setUp();
    const start = adapter.parameters.slice();
    const trainable = trainAdapter(adapter);
    adapter.parameters.forEach((value, index) => {
      adapter.parameters[index] = value + 0.01 * Math.sin(index);
    });
    const regularizers = [l2Sp({ of: 'factors' })];
    const penalties = await openParameterPenalties({ ...options, trainable, regularizers }, start);
    const gradients = new Float32Array(start.length).fill(2);
    const terms = { loss: 3, crossEntropy: 3, penalties: { kl: 1 } };
    const { terms: found } = await penalties.addTo({ terms, gradients }, { 'l2-sp': 10 });
    await penalties.release();
    const moved = apart(adapter.parameters, start);
    const expected = moved.reduce((total, value) => total + value ** 2, 0) / 2;
    expect(found.penalties['l2-sp']).toBeCloseTo(expected, 5);
    expect(found.penalties.kl).toBe(1);
    expect(found.loss).toBeCloseTo(3 + 10 * expected, 4);
    expect(
      relativeError(
        gradients,
        moved.map((value) => 2 + 10 * value),
      ),
    ).toBeLessThan(1e-6);
  });

  it.each(['whole', 'layered'] as const)('keep the update small, %s', async (memory) => {
    const norms: number[] = [];
    for (const weight of [0, 10]) {
      const { adapter, options, steps } = await setUp({
        steps: 12,
        memory,
        regularizers: [l2Sp({ weight })],
      });
      const values: number[] = [];
      await train({
        ...options,
        trainable: trainAdapter(adapter),
        onEvent: (event, run) => {
          options.onEvent(event, run);
          if (event.type === 'step') values.push(halfSquares(adapter));
        },
      });
      // What is logged is of the values before the step.
      expect(steps()[0]!.penalties['l2-sp']).toBe(0);
      const logged = steps().slice(1);
      for (const [index, { penalties, loss, crossEntropy }] of logged.entries()) {
        expect(Math.abs(penalties['l2-sp']! - values[index]!)).toBeLessThan(1e-4 * values[index]!);
        expect(loss).toBeCloseTo(crossEntropy + weight * penalties['l2-sp']!, 4);
      }
      norms.push(values.at(-1)!);
    }
    expect(norms[1]).toBeGreaterThan(0);
    expect(norms[1]).toBeLessThan(0.2 * norms[0]!);
  });

  it('are the same in whole and layered steps, and however batches are gathered', async () => {
    const trained: Float32Array[] = [];
    for (const overrides of [
      { memory: 'whole' },
      { memory: 'layered' },
      { memory: 'whole', batchSize: 2, gradientAccumulation: 2 },
    ] as const) {
      const { adapter, options } = await setUp({
        steps: 4,
        regularizers: [l2Sp({ weight: 5 })],
        ...overrides,
      });
      const start = adapter.parameters.slice();
      await train({ ...options, bucketWindow: 1, trainable: trainAdapter(adapter) });
      trained.push(apart(adapter.parameters, start));
    }
    expect(relativeError(trained[1]!, trained[0]!)).toBeLessThan(2e-3);
    expect(relativeError(trained[2]!, trained[0]!)).toBeLessThan(2e-3);
  });

  it('are in the gradient that others change, and beside what is minimised on anchors', async () => {
    const seen: Float32Array[][] = [];
    const values: { first: number; second: number }[] = [];
    for (const weight of [0, 10]) {
      const gradients: Float32Array[] = [];
      const anchored: Regularizer = {
        ...l2Sp({ of: 'factors', weight }),
        anchors: { load: () => [examples[0]!], perStep: 1, crossEntropyWeight: 0.5 },
      };
      const watching: Regularizer = {
        name: 'watching',
        config: { type: 'watching' },
        gradient(gradient) {
          gradients.push(gradient.slice());
          return gradient;
        },
      };
      const { adapter, options, steps } = await setUp({ steps: 2, regularizers: [anchored, watching] });
      const start = adapter.parameters.slice();
      let moved = start;
      await train({
        ...options,
        trainable: trainAdapter(adapter),
        onEvent: (event, run) => {
          options.onEvent(event, run);
          if (event.type === 'step' && event.step === 1) moved = adapter.parameters.slice();
        },
      });
      const [first, second] = steps();
      // The first step is at the start: what it logs is the cross-entropy of the anchors alone.
      const squares = apart(moved, start).reduce((total, value) => total + value ** 2, 0) / 2;
      values.push({ first: first!.penalties['l2-sp']!, second: second!.penalties['l2-sp']! - squares });
      seen.push([...gradients, apart(moved, start)]);
    }
    const [without, within] = seen as [Float32Array[], Float32Array[]];
    expect(within[0]).toEqual(without[0]);
    const added = apart(within[1]!, without[1]!);
    expect(
      relativeError(
        added,
        within[2]!.map((value) => 10 * value),
      ),
    ).toBeLessThan(1e-4);
    expect(values[1]!.first).toBeCloseTo(values[0]!.first, 6);
    expect(values[1]!.second).toBeCloseTo(values[0]!.second, 4);
    expect(values[0]!.first).toBeGreaterThan(1);
  });

  it('go with training all weights, where there are no modules', async () => {
    const distances: number[] = [];
    let modules = -1;
    const counts = {
      ...l2Sp(),
      name: 'counts',
      parameterPenalty: ({ tensors, start, modules: found }) => {
        modules = found.size;
        const norm = 'model.norm.weight';
        return multiply(sum(square(subtract(tensors[norm]!, start[norm]!))), 0);
      },
    } satisfies Regularizer;
    for (const weight of [0, 100]) {
      const { options, steps } = await setUp({
        steps: 6,
        learningRate: { peak: 1e-3 },
        regularizers: [l2Sp({ weight }), counts],
      });
      const trainable = await trainAllWeights(options.model);
      const start = trainable.parameters.slice();
      await train({ ...options, trainable });
      const moved = apart(trainable.parameters, start);
      distances.push(moved.reduce((total, value) => total + value ** 2, 0));
      expect(steps()[0]!.penalties['l2-sp']).toBe(0);
      expect(steps()[1]!.penalties['l2-sp']).toBeGreaterThan(0);
    }
    expect(modules).toBe(0);
    expect(distances[1]).toBeLessThan(0.7 * distances[0]!);
  });

  it('resume to the same bytes, from the start of the run and not of the resumption', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'safetune-parameters-'));
    const file = join(directory, 'state.safetensors');
    const regularizers = [l2Sp({ weight: 5 })];
    const whole = await setUp({ steps: 6, regularizers });
    await train({ ...whole.options, trainable: trainAdapter(whole.adapter) });
    const abort = new AbortController();
    const first = await setUp({ steps: 6, regularizers, signal: abort.signal });
    const stopped = train({
      ...first.options,
      trainable: trainAdapter(first.adapter),
      checkpoint: { file, everySteps: 2 },
      onEvent: (event) => {
        if (event.type === 'step' && event.step === 3) abort.abort(new Error('stopped'));
      },
    });
    await expect(stopped).rejects.toThrow('stopped');
    const { tensors } = await openSafetensors(file);
    expect([...tensors.keys()].sort()).toEqual(['mean', 'parameters', 'square', 'start']);
    const second = await setUp({ steps: 6, regularizers });
    // Whatever the buffer holds, the start is the checkpoint's.
    second.adapter.parameters.fill(0.5);
    await train({
      ...second.options,
      trainable: trainAdapter(second.adapter),
      checkpoint: { file, everySteps: 2 },
    });
    expect(second.adapter.parameters).toEqual(whole.adapter.parameters);
    await rm(directory, { recursive: true });
  });

  it('save no start where there are none', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'safetune-parameters-'));
    const file = join(directory, 'state.safetensors');
    const { adapter, options } = await setUp({ steps: 2 });
    await train({
      ...options,
      trainable: trainAdapter(adapter),
      checkpoint: {
        file,
        everySteps: 1,
        saveProgress: async () => {
          const { tensors } = await openSafetensors(file);
          expect([...tensors.keys()].sort()).toEqual(['mean', 'parameters', 'square']);
        },
      },
    });
    expect.assertions(1);
    await rm(directory, { recursive: true });
  });

  it('are not part of a compiled step, which serves with and without them', async () => {
    const { adapter, options } = await setUp({ steps: 3 });
    const trainable = trainAdapter(adapter);
    const start = adapter.parameters.slice();
    const step = await compileTrainStep({ ...options, trainable });
    const results: LoraAdapter[] = [];
    for (const regularizers of [[], [l2Sp({ weight: 50 })]]) {
      adapter.parameters.set(start);
      await train({ ...options, trainable, step, regularizers });
      results.push(copyLoraAdapter(adapter));
    }
    await step.release();
    expect(halfSquares(results[1]!)).toBeLessThan(halfSquares(results[0]!));
  });

  it('are counted by the plan: their start, their gradient, and their session', async () => {
    const { adapter, options } = await setUp();
    const trainable = trainAdapter(adapter);
    const { parameters } = trainable;
    const without = (await planTraining({ ...options, trainable, memory: 'whole' })).chosen;
    const planned = { ...options, trainable, memory: 'whole', regularizers: [l2Sp()] } as const;
    const { chosen } = await planTraining(planned);
    expect(chosen.trained - without.trained).toBe(2 * parameters.byteLength);
    expect(chosen.sessions).toBeGreaterThan(without.sessions);
    expect(chosen.activations).toBe(without.activations);
  });
});
