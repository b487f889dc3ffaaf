import { createLoraAdapter } from '@safetune/lora';
import {
  add,
  hostArray,
  multiply,
  negate,
  square,
  stopGradient,
  subtract,
  sum,
  type Tensor,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { l2Sp, type TracedParameters } from '../index.ts';
import { checksOf, custom, failures } from './__fixtures__/failures.ts';
import { describeRegularizerContract } from './index.ts';

type Penalty = (parameters: TracedParameters) => Tensor;

/** Squared distance of every trained tensor from its start. */
const distance: Penalty = ({ tensors, start }) =>
  Object.keys(tensors)
    .map((name) => sum(square(subtract(tensors[name]!, start[name]!))))
    .reduce(add);

const prefix = 'parameterPenalty: ';
const promises = {
  gradient: `${prefix}its gradient equals finite differences and is not zero`,
  zero: `${prefix}is zero at the start of training`,
  negative: `${prefix}is never negative`,
  linear: `${prefix}is linear in its weight`,
  deterministic: `${prefix}is deterministic`,
};
const eachFails = (parameterPenalty: Penalty) => failures((weight) => custom({ parameterPenalty }, weight));

describe('a penalty on parameters', () => {
  it('of a stranger passes every check, also one that waits', async () => {
    expect(await eachFails(distance)).toEqual([]);
    const waits = async (parameters: TracedParameters) => distance(parameters);
    expect(await failures((weight) => custom({ parameterPenalty: waits }, weight))).toEqual([]);
  });

  it.each<[string, string, string, Penalty]>([
    [
      'detached from one tensor',
      promises.gradient,
      'it would train with no gradient',
      ({ tensors, start, ...rest }) => {
        const [first, ...others] = Object.entries(tensors);
        const detached = [[first![0], stopGradient(first![1])], ...others] as const;
        return distance({ ...rest, tensors: Object.fromEntries(detached), start });
      },
    ],
    [
      'whose gradient leaves out a factor',
      promises.gradient,
      'finite differences',
      ({ tensors, start }) => {
        const [name] = Object.keys(tensors) as [string];
        const apart = subtract(tensors[name]!, start[name]!);
        return sum(multiply(square(apart), stopGradient(square(apart))));
      },
    ],
    [
      'from zero, not from the start',
      promises.zero,
      'where nothing has been trained yet',
      ({ tensors }) =>
        Object.values(tensors)
          .map((tensor) => sum(square(tensor)))
          .reduce(add),
    ],
    ['below zero', promises.negative, 'from the start', (parameters) => negate(distance(parameters))],
    [
      'by chance',
      promises.deterministic,
      'another time',
      (parameters) => multiply(distance(parameters), 1 + Math.random()),
    ],
  ])('%s fails the fitting check', async (_name, check, message, penalty) => {
    const found = await eachFails(penalty);
    const failure = found.find((each) => each.check === check);
    expect(failure, `${checksOf(found).join('; ') || 'nothing'} failed`).toBeDefined();
    expect(failure!.message).toContain(message);
  });

  it('that multiplies by its weight, or takes none, fails the fitting check', async () => {
    const twice = await failures((weight = 1) =>
      custom({ parameterPenalty: (parameters) => multiply(distance(parameters), weight) }, weight),
    );
    expect(checksOf(twice)).toEqual([promises.linear]);
    const fixed = await failures(() => custom({ parameterPenalty: distance }));
    expect(checksOf(fixed)).toEqual([promises.linear]);
    expect(fixed[0]!.message).toContain('was given the weight 0 in its config, but its weight is 1');
  });

  it('need not be a distance, where it is said so', async () => {
    const norm: Penalty = ({ tensors }) =>
      Object.values(tensors)
        .map((each) => sum(square(each)))
        .reduce(add);
    const make = (weight?: number) => custom({ parameterPenalty: norm }, weight);
    expect(checksOf(await failures(make))).toEqual([promises.zero]);
    expect(await failures(make, { isDistance: false })).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['nothing', { parameterPenalty: () => {} }, 'its parameterPenalty is undefined (is there a return?)'],
    ['a number', { parameterPenalty: () => 3 }, 'its parameterPenalty is 3, must be a traced tensor'],
    [
      'a matrix',
      { parameterPenalty: ({ tensors }: TracedParameters) => Object.values(tensors)[0] },
      'must be a float32 scalar: reduce it, for example with sum',
    ],
    [
      'the start alone',
      { parameterPenalty: ({ start }: TracedParameters) => sum(Object.values(start)[0]!) },
      'does not depend on anything that is trained',
    ],
    ['no function', { parameterPenalty: 3 }, 'its parameterPenalty is 3, must be a function'],
    [
      'a misspelt hook',
      { parameterPenalty: distance, parametersPenalty: distance },
      "did you mean 'parameterPenalty'?",
    ],
  ])('that is %s is told in one sentence', async (_name, members, message) => {
    const messages = (await failures((weight) => custom(members, weight))).map((failure) => failure.message);
    expect(
      messages.some((text) => text.includes(message)),
      messages.join('\n'),
    ).toBe(true);
    expect(messages.join('\n')).not.toMatch(/Cannot read|is not a function|not iterable/);
  });

  it('whose parameters do not fit says so', async () => {
    const parameters = () => ({
      tensors: { a: hostArray(new Float32Array(6), [2, 3]), b: hostArray(new Float32Array(6), [2, 3]) },
      modules: [{ name: 'up_proj', a: 'a', b: 'b', scale: 1 }],
    });
    const found = await failures((weight) => custom({ parameterPenalty: distance }, weight), { parameters });
    expect(found[0]!.message).toContain("module 'up_proj': A is [2, 3], B is [2, 3]");
  });
});

/** One that is in training already: both factors are some numbers. */
const trainedAdapter = () => {
  const layers = [{ name: 'model.up_proj', inFeatures: 7, outFeatures: 5 }];
  const adapter = createLoraAdapter(layers, { r: 3, lora_alpha: 5, target_modules: ['up_proj'] });
  adapter.parameters.forEach((_, index) => {
    adapter.parameters[index] = Math.sin(3 * index + 1);
  });
  return adapter;
};
const allWeights = () => ({
  tensors: {
    'model.up_proj.weight': hostArray(
      Float32Array.from({ length: 12 }, (_, index) => Math.cos(index)),
      [3, 4],
    ),
  },
});
const framework = { describe, it };
describeRegularizerContract('l2-sp', () => l2Sp(), framework);
describeRegularizerContract('l2-sp of a trained adapter', () => l2Sp(), framework, {
  adapter: trainedAdapter,
});
describeRegularizerContract('l2-sp of factors', () => l2Sp({ of: 'factors' }), framework, {
  adapter: trainedAdapter,
});
describeRegularizerContract('l2-sp of all weights', () => l2Sp(), framework, { parameters: allWeights });
