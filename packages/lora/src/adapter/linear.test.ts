import { join } from 'node:path';
import {
  compile,
  contiguousData,
  findTensor,
  gradients,
  type HostArray,
  hostArray,
  multiply,
  openSafetensors,
  readTensor,
  square,
  sum,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { AdapterMismatchError } from '../errors.ts';
import { baseLinear, type LinearLayer, lowRankLinear } from './linear.ts';
import { nameOfA, nameOfB } from './tensor-names.ts';

const layer: LinearLayer = { name: 'block.0.q_proj', inFeatures: 6, outFeatures: 5 };
const update = { name: layer.name, scale: 4 / Math.sqrt(3) };

async function fixture(): Promise<(name: string) => HostArray> {
  const file = await openSafetensors(join(import.meta.dirname, '../__fixtures__/adapted-linear.safetensors'));
  const arrays = new Map<string, HostArray>();
  for (const name of file.tensors.keys()) arrays.set(name, await readTensor(findTensor(file, name)));
  return (name) => arrays.get(name)!;
}

const signature = {
  x: tensorType('float32', ['batch', 'seq', 6]),
  weight: tensorType('float32', [5, 6]),
  bias: tensorType('float32', [5]),
  a: tensorType('float32', [3, 6]),
  b: tensorType('float32', [5, 3]),
};

function adapted({ x, weight, bias, a, b }: Record<keyof typeof signature, Tensor>): Tensor {
  const linear = lowRankLinear([update], { [nameOfA(layer.name)]: a, [nameOfB(layer.name)]: b });
  return linear(x, layer, { weight, bias });
}

function largestDifference(a: HostArray, b: HostArray): number {
  const [left, right] = [contiguousData(a) as Float32Array, contiguousData(b) as Float32Array];
  expect(a.shape).toEqual(b.shape);
  return Math.max(...left.map((value, index) => Math.abs(value - right[index]!)));
}

describe('lowRankLinear', () => {
  it("equals PEFT's adapted layer, and its gradients PyTorch's", async () => {
    const saved = await fixture();
    const step = await compile(
      ({ upstream, ...inputs }) => {
        const y = adapted(inputs);
        const [gx, ga, gb] = gradients(sum(multiply(y, upstream)), [inputs.x, inputs.a, inputs.b]);
        return { y, 'gradient.x': gx!, 'gradient.a': ga!, 'gradient.b': gb! };
      },
      { ...signature, upstream: tensorType('float32', ['batch', 'seq', 5]) },
    );
    const result = await step.run({
      x: saved('x'),
      weight: saved('weight'),
      bias: saved('bias'),
      a: saved('a'),
      b: saved('b'),
      upstream: saved('upstream'),
    });
    for (const [name, value] of Object.entries(result)) {
      expect(largestDifference(value, saved(name)), name).toBeLessThan(2e-5);
    }
    await step.release();
  });

  it('has the gradients that finite differences show, of both factors and not zero', async () => {
    const saved = await fixture();
    const inputs = Object.fromEntries(Object.keys(signature).map((name) => [name, saved(name)])) as Record<
      keyof typeof signature,
      HostArray
    >;
    const step = await compile((traced) => {
      const loss = sum(square(adapted(traced)));
      const [ga, gb] = gradients(loss, [traced.a, traced.b]);
      return { loss, ga: ga!, gb: gb! };
    }, signature);
    const { ga, gb } = await step.run(inputs);
    for (const [factor, gradient] of [
      ['a', ga],
      ['b', gb],
    ] as const) {
      const values = contiguousData(inputs[factor]) as Float32Array;
      for (let position = 0; position < values.length; position++) {
        const lossAt = async (shift: number) => {
          const moved = values.slice();
          moved[position]! += shift;
          const { loss } = await step.run({ ...inputs, [factor]: hostArray(moved, inputs[factor].shape) });
          return (loss.data as Float32Array)[0]!;
        };
        // The loss is a quadratic of one entry, so a central difference is exact but for rounding.
        const slope = ((await lossAt(0.5)) - (await lossAt(-0.5))) / 1;
        const computed = (gradient.data as Float32Array)[position]!;
        expect(Math.abs(computed - slope)).toBeLessThan(1e-3 * Math.max(10, Math.abs(slope)));
        expect(computed).not.toBe(0);
      }
    }
    await step.release();
  });

  it('leaves layers alone that it does not update', async () => {
    const saved = await fixture();
    const other: LinearLayer = { ...layer, name: 'block.1.q_proj' };
    const step = await compile(({ x, weight, bias, a, b }) => {
      const linear = lowRankLinear([update], { [nameOfA(layer.name)]: a, [nameOfB(layer.name)]: b });
      return { other: linear(x, other, { weight, bias }), base: baseLinear(x, layer, { weight, bias }) };
    }, signature);
    const inputs = {
      x: saved('x'),
      weight: saved('weight'),
      bias: saved('bias'),
      a: saved('a'),
      b: saved('b'),
    };
    const result = await step.run(inputs);
    expect(contiguousData(result.other)).toEqual(contiguousData(result.base));
    await step.release();
  });

  it('adds to another base function when one is given', async () => {
    const saved = await fixture();
    const step = await compile(({ x, weight, bias, a, b }) => {
      const traced = { [nameOfA(layer.name)]: a, [nameOfB(layer.name)]: b };
      const linear = lowRankLinear([update], traced, (...given) => multiply(baseLinear(...given), 0));
      return { difference: linear(x, layer, { weight, bias }), whole: adapted({ x, weight, bias, a, b }) };
    }, signature);
    const inputs = {
      x: saved('x'),
      weight: saved('weight'),
      bias: saved('bias'),
      a: saved('a'),
      b: saved('b'),
    };
    const { difference, whole } = await step.run(inputs);
    const zero = hostArray(new Float32Array(15), [5, 3]);
    const { whole: unadapted } = await step.run({ ...inputs, b: zero });
    const sums = (contiguousData(difference) as Float32Array).map(
      (value, index) => value + (contiguousData(unadapted) as Float32Array)[index]!,
    );
    expect(largestDifference(hostArray(sums, whole.shape), whole)).toBeLessThan(2e-5);
    expect(largestDifference(unadapted, whole)).toBeGreaterThan(0.1);
    await step.release();
  });

  it('refuses factors that are missing or do not fit the layer', async () => {
    expect(() => lowRankLinear([update], {})).toThrow(AdapterMismatchError);
    expect(() => lowRankLinear([update], {})).toThrow("no tensor 'block.0.q_proj.lora_A.weight' was given");
    const compiling = compile(({ x, weight, bias, a, b }) => {
      const linear = lowRankLinear([update], { [nameOfA(layer.name)]: b, [nameOfB(layer.name)]: a });
      return { y: linear(x, layer, { weight, bias }) };
    }, signature);
    await expect(compiling).rejects.toSatisfy(AdapterMismatchError.isInstance);
  });
});
