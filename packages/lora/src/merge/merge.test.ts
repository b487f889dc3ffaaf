import { compile, contiguousData, hostArray, tensorType } from '@safetune/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLoraAdapter, type LoraAdapter } from '../adapter/adapter.ts';
import { baseLinear } from '../adapter/linear.ts';
import { nameOfA, nameOfB } from '../adapter/tensor-names.ts';
import { AdapterMismatchError } from '../errors.ts';
import { mergedWeight, weightUpdate } from './merge.ts';

function adapterOf(inFeatures: number, outFeatures: number, rank: number, seed: number): LoraAdapter {
  const layers = [{ name: 'q_proj', inFeatures, outFeatures }];
  return createLoraAdapter(layers, { r: rank, target_modules: ['q_proj'] }, { seed });
}

function wave(rows: number, columns: number, phase: number) {
  return hostArray(
    Float32Array.from({ length: rows * columns }, (_, index) => Math.sin(index * 1.7 + phase)),
    [rows, columns],
  );
}

/** Output of the layer with the adapter, and of the plain layer with the merged weight, for the same input. */
async function bothWays(adapter: LoraAdapter) {
  const module = adapter.modules[0]!;
  const { name, inFeatures, outFeatures, rank } = module;
  const step = await compile(
    ({ x, weight, mergedWeight: replacement, a, b }) => {
      const adapted = adapter.linear({ [nameOfA(name)]: a, [nameOfB(name)]: b });
      return {
        base: baseLinear(x, module, { weight }),
        adapted: adapted(x, module, { weight }),
        merged: baseLinear(x, module, { weight: replacement }),
      };
    },
    {
      x: tensorType('float32', ['rows', inFeatures]),
      weight: tensorType('float32', [outFeatures, inFeatures]),
      mergedWeight: tensorType('float32', [outFeatures, inFeatures]),
      a: tensorType('float32', [rank, inFeatures]),
      b: tensorType('float32', [outFeatures, rank]),
    },
  );
  const weight = wave(outFeatures, inFeatures, 0);
  const merged = mergedWeight(weight, module);
  const result = await step.run({
    x: wave(3, inFeatures, 1),
    weight,
    mergedWeight: merged,
    a: module.a,
    b: module.b,
  });
  await step.release();
  return { ...result, weight, mergedWeight: merged };
}

describe('mergedWeight', () => {
  it('acts as the adapted layer does', async () => {
    const shapes = fc.tuple(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 4 }),
      // With 0 the first wave is zero, which changes nothing.
      fc.integer({ min: 1, max: 1000 }),
    );
    await fc.assert(
      fc.asyncProperty(shapes, async ([inFeatures, outFeatures, wanted, seed]) => {
        const rank = Math.min(wanted, inFeatures, outFeatures);
        const adapter = adapterOf(inFeatures, outFeatures, rank, seed);
        contiguousData(adapter.modules[0]!.b).set(wave(outFeatures, rank, seed).data as never);
        const { adapted, merged, base } = await bothWays(adapter);
        const expected = contiguousData(adapted) as Float32Array;
        const size = Math.max(1, ...expected.map(Math.abs));
        (contiguousData(merged) as Float32Array).forEach((value, index) => {
          expect(Math.abs(value - expected[index]!)).toBeLessThan(1e-5 * size);
        });
        expect(contiguousData(adapted)).not.toEqual(contiguousData(base));
      }),
      { numRuns: 25 },
    );
  });

  it('with B zero changes nothing, to the last bit: neither the weight nor the output', async () => {
    const { adapted, base, weight, mergedWeight: merged } = await bothWays(adapterOf(7, 5, 3, 1));
    expect(contiguousData(adapted)).toEqual(contiguousData(base));
    expect(contiguousData(merged)).toEqual(contiguousData(weight));
  });

  it('adds scale B A, entry by entry', () => {
    const module = {
      name: 'q_proj',
      inFeatures: 3,
      outFeatures: 2,
      rank: 2,
      scale: 0.5,
      a: hostArray(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
      b: hostArray(Float32Array.of(1, 0, -1, 2), [2, 2]),
    };
    expect([...(weightUpdate(module).data as Float32Array)]).toEqual([0.5, 1, 1.5, 3.5, 4, 4.5]);
    const merged = mergedWeight(hostArray(Float32Array.of(10, 20, 30, 40, 50, 60), [2, 3]), module);
    expect([...(merged.data as Float32Array)]).toEqual([10.5, 21, 31.5, 43.5, 54, 64.5]);
  });

  it('refuses a weight of another shape', () => {
    const [module] = adapterOf(7, 5, 3, 1).modules;
    expect(() => mergedWeight(wave(7, 5, 0), module!)).toThrow(AdapterMismatchError);
    expect(() => mergedWeight(wave(7, 5, 0), module!)).toThrow(
      "'q_proj': it adapts a weight [5, 7], this one is [7,5]",
    );
  });
});
