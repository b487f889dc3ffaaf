import { baseLinear, createLoraAdapter, type LinearFunction } from '@safetune/lora';
import {
  compile,
  constant,
  full,
  GradientError,
  gradients,
  hostArray,
  type NamedTensors,
  stopGradient,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  evaluateOnHostArrays,
  type HostOutputs,
  type LdifsOptions,
  ldifs,
  MissingNeedError,
  type PlainArray,
  RegularizerOptionError,
} from '../../index.ts';
import { describeRegularizerContract } from '../../testing/index.ts';

describeRegularizerContract('ldifs', () => ldifs(), { describe, it }, { tolerance: 0 });
describeRegularizerContract('ldifs to a checkpoint', () => ldifs({ reference: { checkpoint: 'safe' } }), {
  describe,
  it,
});
describeRegularizerContract('ldifs of every second layer', () => ldifs({ layers: { every: 2 } }), {
  describe,
  it,
});
describeRegularizerContract('ldifs of listed layers', () => ldifs({ layers: [0, 3], normalise: false }), {
  describe,
  it,
});
describeRegularizerContract('ldifs per length', () => ldifs({ layers: 'all', perLength: true }), {
  describe,
  it,
});

/** [batch, seq, 1] states of one layer. */
const states = (...examples: number[][]): PlainArray => ({
  data: examples.flat(),
  shape: [examples.length, examples[0]!.length, 1],
});
const mask = (...examples: number[][]): PlainArray => ({
  data: examples.flat(),
  shape: [examples.length, examples[0]!.length],
});

function evaluate(options: LdifsOptions, layers: [PlainArray, PlainArray][], tokenMask: PlainArray) {
  const outputs: HostOutputs = {
    hiddenStates: new Map(layers.map(([trained], index) => [index + 1, trained])),
    referenceHiddenStates: new Map(layers.map(([, reference], index) => [index + 1, reference])),
    tokenMask,
  };
  return evaluateOnHostArrays(ldifs({ layers: 'all', ...options }), outputs, { layerCount: layers.length });
}

describe('value', () => {
  const full = mask([1, 1]);

  it('is the squared distance of the states scaled to length 1', async () => {
    const { value } = await evaluate({}, [[states([3, 4]), states([8, 6])]], full);
    expect(value).toBeCloseTo((0.6 - 0.8) ** 2 + (0.8 - 0.6) ** 2, 6);
  });

  it('is that of the states as they are without normalisation', async () => {
    const { value } = await evaluate({ normalise: false }, [[states([3, 4]), states([8, 6])]], full);
    expect(value).toBeCloseTo(25 + 4, 5);
  });

  it('adds up over layers and averages over examples', async () => {
    const one = [states([3, 4], [1, 0]), states([4, 3], [0, 1])] as [PlainArray, PlainArray];
    const two = [states([1, 0], [5, 0]), states([-1, 0], [5, 0])] as [PlainArray, PlainArray];
    const { value } = await evaluate({}, [one, two], mask([1, 1], [1, 1]));
    expect(value).toBeCloseTo((0.08 + 4 + (2 + 0)) / 2, 5);
  });

  it('per length is divided by layers x real tokens x hidden size of each example', async () => {
    const layer = [states([3, 9, 9], [1, 2, 3]), states([1, 7, 7], [1, 2, 6])] as [PlainArray, PlainArray];
    const tokenMask = mask([1, 0, 0], [1, 1, 1]);
    const { value } = await evaluate({ normalise: false, perLength: true }, [layer, layer], tokenMask);
    expect(value).toBeCloseTo(((4 + 4) / (2 * 1) + (9 + 9) / (2 * 3)) / 2, 5);
  });

  it('does not see the scale of a layer when normalised', async () => {
    const trained = states([300, 400]);
    expect((await evaluate({}, [[trained, states([3, 4])]], full)).value).toBeCloseTo(0, 10);
  });
});

describe('the gradient reaches a LoRA adapter', () => {
  const layer = { name: 'block', inFeatures: 4, outFeatures: 4 };
  const adapter = createLoraAdapter([layer], { r: 2, target_modules: ['block'] });
  adapter.parameters.forEach((_, index) => {
    adapter.parameters[index] = Math.sin(index + 1);
  });
  const x = hostArray(
    Float32Array.from({ length: 12 }, (_, index) => Math.cos(index)),
    [1, 3, 4],
  );
  const weight = hostArray(
    Float32Array.from({ length: 16 }, (_, index) => Math.sin(3 * index)),
    [4, 4],
  );

  /** One adapted layer is the model; the same without its adapter the reference. */
  function trace(inputs: NamedTensors, see: (state: Tensor) => Tensor) {
    const apply = (linear: LinearFunction) => linear(constant(x), layer, { weight: constant(weight) });
    const penalty = ldifs({ layers: [1] }).penalty!({
      hiddenStates: new Map([[1, see(apply(adapter.linear(inputs)))]]),
      referenceHiddenStates: new Map([[1, apply(baseLinear)]]),
      tokenMask: full([1, 3], 1),
    } as never);
    const names = Object.keys(adapter.tensors);
    const found = gradients(
      penalty,
      names.map((name) => inputs[name]!),
    );
    return Object.fromEntries(names.map((name, index) => [`gradient.${name}`, found[index]!]));
  }
  const signature = Object.fromEntries(
    Object.entries(adapter.tensors).map(([name, { shape }]) => [name, tensorType('float32', shape)]),
  );

  it('in both of its factors', async () => {
    const executable = await compile((inputs: NamedTensors) => trace(inputs, (state) => state), signature);
    const found = await executable.run(adapter.tensors);
    await executable.release();
    expect(Object.keys(found)).toEqual(['gradient.block.lora_A.weight', 'gradient.block.lora_B.weight']);
    for (const gradient of Object.values(found)) {
      expect(Math.hypot(...(gradient.data as Float32Array))).toBeGreaterThan(1e-2);
    }
  });

  it('and features taken without their gradient, as a copied implementation does, are refused', async () => {
    await expect(compile((inputs: NamedTensors) => trace(inputs, stopGradient), signature)).rejects.toThrow(
      GradientError,
    );
  });
});

it('is untouched by NaN and infinity at padding, in value and gradient', async () => {
  const tokenMask = mask([1, 1, 0]);
  const clean = await evaluate({}, [[states([3, 4, 0]), states([8, 6, 0])]], tokenMask);
  const dirty = await evaluate(
    {},
    [[states([3, 4, Number.NaN]), states([8, 6, Number.POSITIVE_INFINITY])]],
    tokenMask,
  );
  expect(dirty.value).toBe(clean.value);
  expect(dirty.gradients.hiddenStates.get(1)!.data).toEqual(clean.gradients.hiddenStates.get(1)!.data);
  expect((dirty.gradients.hiddenStates.get(1)!.data as Float32Array)[0]).not.toBe(0);
});

it('has a finite gradient where an example has no state at all to scale', async () => {
  const { value, gradients } = await evaluate({}, [[states([0, 0]), states([0, 0])]], mask([1, 1]));
  expect(value).toBe(0);
  expect([...(gradients.hiddenStates.get(1)!.data as Float32Array)]).toEqual([0, 0]);
});

describe('bad input', () => {
  it.each([
    ['a negative weight', { weight: -1 }, 'the weight is -1'],
    ['an empty list of layers', { layers: [] }, 'the list of layers is empty'],
    ['a layer that cannot exist', { layers: [1, -2] }, 'layer -2 does not exist'],
    ['a step of 0', { layers: { every: 0 } }, 'every is 0'],
    ['a count of 2.5', { layers: { count: 2.5 } }, 'count is 2.5'],
  ])('refuses %s', (_name, options, message) => {
    expect(() => ldifs(options)).toThrow(message);
    expect(() => ldifs(options)).toThrow(RegularizerOptionError);
  });

  it('names the states that were not computed', () => {
    const outputs = { hiddenStates: new Map(), referenceHiddenStates: new Map() } as never;
    expect(() => ldifs().penalty!(outputs)).toThrow(MissingNeedError);
    expect(() => ldifs().penalty!(outputs)).toThrow('ldifs uses hiddenStates');
  });

  it("refuses another regularizer's layers instead of computing with them", () => {
    const outputs = { hiddenStates: new Map([1, 2, 3, 4].map((layer) => [layer, undefined])) } as never;
    expect(() => ldifs({ layers: { count: 2 } }).penalty!(outputs)).toThrow(
      'was given layers 1, 2, 3, 4, which are not those of {"count":2}',
    );
    expect(() => ldifs({ layers: [2, 4] }).penalty!(outputs)).toThrow(RegularizerOptionError);
  });
});
