import {
  compile,
  gradients,
  hostArray,
  multiply,
  type NamedTensors,
  sum,
  tensorType,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { createLoraAdapter } from '../adapter/adapter.ts';
import { type DropoutDraw, drawDropout, dropoutSignature } from './draws.ts';
import { dropInputs } from './drop-inputs.ts';

const [batch, length, features, pieces] = [3, 40, 24, 3];
const layers = [
  { name: 'a.q_proj', inFeatures: features, outFeatures: 8 },
  { name: 'b.q_proj', inFeatures: features, outFeatures: 8 },
  { name: 'c.q_proj', inFeatures: 2 * features, outFeatures: 8 },
];
const adapterWith = (lora_dropout: number) =>
  createLoraAdapter(layers, { r: 2, target_modules: ['q_proj'], lora_dropout });

/** What dropout makes of ones, for each layer, and of ones going back. */
async function masks(probability: number, draw: DropoutDraw) {
  const adapter = adapterWith(probability);
  const step = await compile(
    (inputs: NamedTensors) => {
      const dropped = dropInputs(inputs.x!, 'a.q_proj', probability, inputs, 0);
      const [gradient] = gradients(sum(multiply(dropped, inputs.weights!)), [inputs.x!]);
      return {
        a: dropped,
        b: dropInputs(inputs.x!, 'b.q_proj', probability, inputs, 0),
        rows: dropInputs(inputs.flat!, 'a.q_proj', probability, inputs, 2),
        gradient: gradient!,
      };
    },
    {
      x: tensorType('float32', ['batch', 'seq', features]),
      weights: tensorType('float32', ['batch', 'seq', features]),
      flat: tensorType('float32', ['rows', features]),
      ...dropoutSignature(adapter, pieces),
    },
  );
  const count = batch * length * features;
  const ramp = Float32Array.from({ length: count }, (_, index) => 1 + (index % 7));
  const drawn = drawDropout(adapter, draw, { batch, length, pieces });
  const result = await step.run({
    x: hostArray(new Float32Array(count).fill(1), [batch, length, features]),
    weights: hostArray(ramp, [batch, length, features]),
    flat: hostArray(new Float32Array(length * features).fill(1), [length, features]),
    ...drawn,
  } as never);
  await step.release();
  const values = (name: keyof typeof result) => result[name].data as Float32Array;
  return { drawn, ramp, a: values('a'), b: values('b'), rows: values('rows'), gradient: values('gradient') };
}

const draw = { seed: 7, step: 3, part: 0 };
const isKept = (value: number) => value !== 0;

describe('dropInputs', () => {
  it('keeps what the product of three numbers says, and scales it, forward and backward', async () => {
    const probability = 0.3;
    const { drawn, a, ramp, gradient } = await masks(probability, draw);
    const [rows, columns, multipliers] = [
      drawn['dropout.rows']!.data,
      drawn['dropout.columns']!.data,
      drawn['a.q_proj.dropout']!.data,
    ] as [Int32Array, Int32Array, Int32Array];
    const threshold = Math.round(probability * 2 ** 32) - 2 ** 31;
    const scale = Math.fround(1 / (1 - probability));
    for (let at = 0; at < a.length; at++) {
      const product = Math.imul(
        Math.imul(rows[Math.floor(at / features)]!, multipliers[0]!),
        columns[at % features]!,
      );
      const expected = product >= threshold ? scale : 0;
      expect(a[at]).toBe(expected);
      expect(gradient[at]).toBe(Math.fround(ramp[at]! * expected));
    }
  });

  it.each([0.1, 0.5, 0.9])('drops a share of %s, alike in rows and columns', async (probability) => {
    const { a } = await masks(probability, draw);
    const shareOf = (picked: (at: number) => boolean) => {
      const places = [...a.keys()].filter(picked);
      const share = places.filter((at) => !isKept(a[at]!)).length / places.length;
      // Five standard deviations.
      const bound = 5 * Math.sqrt((probability * (1 - probability)) / places.length);
      expect(Math.abs(share - probability)).toBeLessThan(bound);
    };
    shareOf(() => true);
    for (const column of [0, 11, 23]) shareOf((at) => at % features === column);
    for (const row of [0, 60, 119]) shareOf((at) => Math.floor(at / features) === row);
  });

  it('drops other places in other layers, rows, columns, pieces, steps, parts and seeds', async () => {
    const { a, b, rows } = await masks(0.5, draw);
    const agreement = (one: ArrayLike<number>, other: ArrayLike<number>) => {
      let equal = 0;
      for (let at = 0; at < one.length; at++) equal += isKept(one[at]!) === isKept(other[at]!) ? 1 : 0;
      return equal / one.length;
    };
    const independent = (one: ArrayLike<number>, other: ArrayLike<number>) =>
      expect(Math.abs(agreement(one, other) - 0.5)).toBeLessThan(5 * Math.sqrt(0.25 / one.length));
    independent(a, b);
    independent(a.subarray(0, length * features), rows);
    independent(a.subarray(0, -features), a.subarray(features));
    independent(a.subarray(0, -1), a.subarray(1));
    for (const other of [
      { ...draw, step: 4 },
      { ...draw, part: 1 },
      { ...draw, seed: 8 },
    ])
      independent(a, (await masks(0.5, other)).a);
    expect((await masks(0.5, draw)).a).toEqual(a);
  });

  it('is nothing at probability 0', () => {
    expect(dropoutSignature(adapterWith(0), pieces)).toEqual({});
    expect(drawDropout(adapterWith(0), draw, { batch, length, pieces })).toEqual({});
  });
});
