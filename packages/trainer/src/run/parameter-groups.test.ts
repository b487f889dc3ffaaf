/** Which values decay, and at what rates they are trained: against steps that PyTorch, transformers and peft took. */
import { join } from 'node:path';
import { loadLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { type AdamWOptions, adamWStep, createAdamWState, parameterGroups } from '@safetune/optimizers';
import { readTensor } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  checkpointDirectory,
  goldensDirectory,
  lorasDirectory,
  openSafetensors,
  readJson,
} from '../__fixtures__/goldens.ts';
import { gradientViews } from '../step/step-outputs.ts';
import { trainAdapter, trainAllWeights } from '../step/trainable.ts';

interface Golden {
  readonly learningRate: number;
  readonly ratio: number;
  readonly weightDecay: number;
  readonly cases: Readonly<Record<string, { checkpoint: string; order: Readonly<Record<string, number>> }>>;
}

const directory = goldensDirectory('training');
const { cases, learningRate, ratio, weightDecay } = await readJson<Golden>(directory, 'groups.json');
const after = await openSafetensors(join(directory, 'steps.safetensors'));

/** PEFT's name of a parameter in a model as the adapter's. */
function ownName(name: string): string {
  return name
    .replace('base_model.model.', '')
    .replace('.modules_to_save.default', '')
    .replace(/lora_magnitude_vector\.default\.weight$/, 'lora_magnitude_vector')
    .replace('.default', '');
}

async function open(name: string) {
  const { checkpoint, order } = cases[name]!;
  const model = await loadModel(checkpointDirectory(checkpoint));
  const trainable = trainAdapter(await loadLoraAdapter(lorasDirectory(name), { model }));
  const places = new Map(Object.entries(order).map(([peft, index]) => [ownName(peft), index]));
  expect([...places.keys()].sort()).toEqual(Object.keys(trainable.tensors).sort());
  return { trainable, places };
}

describe.each(Object.keys(cases))('an adapter with %s', (name) => {
  it.each([
    ['trainer', { weightDecay }],
    ['loraPlus', { weightDecay, loraPlusRatio: ratio }],
  ] as const)('takes the steps of PyTorch in the groups of %s', async (kind, options: AdamWOptions) => {
    const { trainable, places } = await open(name);
    const { parameters, tensors } = trainable;
    const gradients = new Float32Array(parameters.length);
    const views = gradientViews(trainable, gradients);
    const state = createAdamWState(parameters.length);
    const groups = parameterGroups(trainable, options, learningRate);
    for (const [step, share] of [1, 0.5, 0.25].entries()) {
      for (const [tensor, index] of places) {
        const values = views[`gradient:${tensor}`]!.data as Float32Array;
        values.forEach((_, at) => {
          values[at] = Math.sin(at * 0.7 + step + index) * 0.5 + Math.cos(at * 0.11) * 0.2;
        });
      }
      adamWStep(parameters, gradients, state, share * learningRate, options, groups);
    }
    for (const [tensor, index] of places) {
      // peft decays norms that are saved whole under LoRA+, as it looks for PyTorch's own layers; transformers' Trainer does not.
      if (kind === 'loraPlus' && /norm/.test(tensor)) continue;
      const { data } = await readTensor(after.tensors.get(`${name}.${kind}.${index}`)!);
      (data as Float32Array).forEach((expected, at) => {
        expect(tensors[tensor]!.data[at], `${tensor} ${at}`).toBeCloseTo(expected, 5);
      });
    }
  });
});

it('leaves norms and biases of all weights without decay, unless all decay', async () => {
  const trainable = await trainAllWeights(await loadModel(checkpointDirectory('qwen2-tied-bfloat16')));
  const decayOf = (options: AdamWOptions) => {
    const groups = parameterGroups(trainable, options, 1e-3);
    expect(groups[0]!.start).toBe(0);
    expect(groups.at(-1)!.end).toBe(trainable.parameters.length);
    expect(groups.slice(1).map(({ start }) => start)).toEqual(groups.slice(0, -1).map(({ end }) => end));
    return groups.map((group) => group.weightDecay);
  };
  expect(new Set(decayOf({}))).toEqual(new Set([0.01, 0]));
  expect(decayOf({ decayAll: true })).toEqual([0.01]);
  expect(() => parameterGroups(trainable, { loraPlusRatio: 4 }, 1e-3)).toThrow('is for adapters');
});
