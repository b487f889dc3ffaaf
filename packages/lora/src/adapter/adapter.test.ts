import { contiguousData } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { LoraConfigError, UnmatchedPatternError, UnsupportedLoraFeatureError } from '../errors.ts';
import { weightUpdate } from '../merge/merge.ts';
import { copyLoraAdapter, createLoraAdapter } from './adapter.ts';
import type { LinearLayer } from './linear.ts';

const layers: LinearLayer[] = [0, 1, 2].flatMap((block) => [
  { name: `model.layers.${block}.self_attn.q_proj`, inFeatures: 16, outFeatures: 12 },
  { name: `model.layers.${block}.mlp.down_proj`, inFeatures: 24, outFeatures: 16 },
]);
const target_modules = ['q_proj', 'down_proj'];

describe('createLoraAdapter', () => {
  it('lays A then B of every module out in one buffer, in the order of the layers', () => {
    const adapter = createLoraAdapter(layers, {
      r: 4,
      lora_alpha: 8,
      target_modules,
      rank_pattern: { down_proj: 2 },
      exclude_modules: ['1.mlp.down_proj'],
    });
    expect(adapter.modules.map(({ name, rank, scale }) => [name, rank, scale])).toEqual([
      ['model.layers.0.self_attn.q_proj', 4, 4],
      ['model.layers.0.mlp.down_proj', 2, 8 / Math.sqrt(2)],
      ['model.layers.1.self_attn.q_proj', 4, 4],
      ['model.layers.2.self_attn.q_proj', 4, 4],
      ['model.layers.2.mlp.down_proj', 2, 8 / Math.sqrt(2)],
    ]);
    expect(adapter.parameters).toHaveLength(3 * 4 * (16 + 12) + 2 * 2 * (24 + 16));
    let offset = 0;
    for (const { name, a, b, rank, inFeatures, outFeatures } of adapter.modules) {
      expect(adapter.tensors[`${name}.lora_A.weight`]).toBe(a);
      expect(adapter.tensors[`${name}.lora_B.weight`]).toBe(b);
      expect([a.shape, b.shape]).toEqual([
        [rank, inFeatures],
        [outFeatures, rank],
      ]);
      for (const factor of [a, b]) {
        const data = contiguousData(factor) as Float32Array;
        expect(data.buffer).toBe(adapter.parameters.buffer);
        expect(data.byteOffset).toBe(offset);
        offset += data.byteLength;
      }
    }
    expect(offset).toBe(adapter.parameters.byteLength);
    expect(Object.keys(adapter.tensors)).toEqual(
      adapter.modules.flatMap(({ name }) => [`${name}.lora_A.weight`, `${name}.lora_B.weight`]),
    );
  });

  it('draws A from U(-1/sqrt(in), 1/sqrt(in)), B is zero', () => {
    const wide = [{ name: 'q_proj', inFeatures: 400, outFeatures: 100 }];
    const [module] = createLoraAdapter(wide, { r: 100, target_modules: ['q_proj'] }, { seed: 3 }).modules;
    const values = contiguousData(module!.a) as Float32Array;
    const bound = 1 / 20;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(Math.max(...values)).toBeLessThanOrEqual(Math.fround(bound));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-Math.fround(bound));
    // Kolmogorov and Smirnov's distance to the distribution: 1.95 / sqrt(n) is exceeded once in a thousand.
    const sorted = values.toSorted();
    const distance = Math.max(
      ...sorted.map((value, index) => Math.abs((value / bound + 1) / 2 - (index + 0.5) / sorted.length)),
    );
    expect(distance).toBeLessThan(1.95 / Math.sqrt(values.length));
    expect(Math.abs(mean)).toBeLessThan(4 * (bound / Math.sqrt(3 * values.length)));
    expect(variance).toBeCloseTo(bound ** 2 / 3, 4);
    expect((contiguousData(module!.b) as Float32Array).every((value) => value === 0)).toBe(true);
  });

  it('gives the same values for the same seed, whichever other modules are adapted', () => {
    const both = createLoraAdapter(layers, { r: 4, target_modules }, { seed: 5 });
    const again = createLoraAdapter(layers, { r: 4, target_modules }, { seed: 5 });
    expect(again.parameters).toEqual(both.parameters);
    const one = createLoraAdapter(layers, { r: 4, target_modules: ['1.mlp.down_proj'] }, { seed: 5 });
    const name = 'model.layers.1.mlp.down_proj.lora_A.weight';
    expect(contiguousData(one.tensors[name]!)).toEqual(contiguousData(both.tensors[name]!));
    const other = createLoraAdapter(layers, { r: 4, target_modules }, { seed: 6 });
    expect(other.parameters).not.toEqual(both.parameters);
    expect(contiguousData(both.modules[0]!.a)).not.toEqual(contiguousData(both.modules[2]!.a));
    // A frozen value: seeds mean the same adapter in every version.
    expect(both.parameters[0]).toBe(-0.24218502640724182);
  });

  it("spells 'all-linear' out", () => {
    const { config, modules } = createLoraAdapter(layers, { r: 2, target_modules: 'all-linear' });
    expect(config.target_modules).toEqual(layers.map(({ name }) => name));
    expect(modules).toHaveLength(6);
  });

  it.each([
    { use_dora: true },
    { bias: 'all' as const },
    { modules_to_save: ['lm_head'] },
    { trainable_token_indices: [1] },
    { init_lora_weights: 'pissa' },
  ])('refuses what starts from weights that it is not given: %j', (config) => {
    expect(() => createLoraAdapter(layers, { target_modules, r: 2, ...config })).toThrow(
      /starts from the model's weights.*createLoraAdapterFor/,
    );
  });

  it.each(['eva', 'loftq', 'corda', 'lora_ga', 'mica', 'kaiming'])(
    'refuses the start %s by name',
    (start) => {
      expect(() => createLoraAdapter(layers, { target_modules, init_lora_weights: start })).toThrow(
        UnsupportedLoraFeatureError,
      );
    },
  );

  it('draws from a normal distribution of deviation 1 / r for gaussian, and both factors at random for false', () => {
    const wide = [{ name: 'q_proj', inFeatures: 400, outFeatures: 100 }];
    const make = (init_lora_weights: 'gaussian' | false) =>
      createLoraAdapter(wide, { r: 50, target_modules: ['q_proj'], init_lora_weights }).modules[0]!;
    const statistics = ({ a }: { a: ReturnType<typeof make>['a'] }) => {
      const values = contiguousData(a) as Float32Array;
      const share = values.filter((value) => Math.abs(value) < 1 / 50).length / values.length;
      return { share, deviation: Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length) };
    };
    const gaussian = make('gaussian');
    expect(statistics(gaussian).deviation).toBeCloseTo(1 / 50, 3);
    // 68.27 % of a normal distribution lie within one deviation.
    expect(statistics(gaussian).share).toBeCloseTo(0.6827, 1);
    expect((contiguousData(gaussian.b) as Float32Array).every((value) => value === 0)).toBe(true);
    const random = make(false);
    const [a, b] = [contiguousData(random.a), contiguousData(random.b)] as Float32Array[];
    expect(Math.max(...a!)).toBeLessThanOrEqual(Math.fround(1 / 20));
    expect(Math.max(...b!)).toBeLessThanOrEqual(Math.fround(1 / Math.sqrt(50)));
    expect(Math.max(...b!)).toBeGreaterThan(0.13);
  });

  it("starts 'orthogonal' with both factors at work and nothing changed", () => {
    const config = { target_modules, r: 4, init_lora_weights: 'orthogonal' };
    for (const module of createLoraAdapter(layers, config, { seed: 2 }).modules) {
      expect(Math.max(...(contiguousData(module.b) as Float32Array))).toBeGreaterThan(0.01);
      for (const value of contiguousData(weightUpdate(module)) as Float32Array)
        expect(Math.abs(value)).toBeLessThan(1e-6);
    }
    expect(() => createLoraAdapter(layers, { ...config, r: 3 })).toThrow(/needs an even rank/);
  });

  it('refuses entries that match nothing, with what may have been meant', () => {
    expect(() => createLoraAdapter(layers)).toThrow(UnmatchedPatternError);
    expect(() => createLoraAdapter(layers, { target_modules: ['q_prj', 'down_proj'] })).toThrow(
      /'q_prj' match no layer \(did you mean 'q_proj'\?\)/,
    );
    expect(() => createLoraAdapter(layers, { target_modules: ['dwn_proj'] })).toThrow(
      /adapt nothing: .*did you mean 'down_proj'/,
    );
    expect(() => createLoraAdapter(layers, { r: 2, target_modules }, { seed: 0.5 })).toThrow(RangeError);
  });

  it('takes a rank by default that fits the narrowest layer', () => {
    const { config, modules } = createLoraAdapter(layers, { target_modules });
    expect(config.r).toBe(12);
    expect(modules.map(({ rank }) => rank)).toEqual([12, 12, 12, 12, 12, 12]);
  });

  it.each([
    ['r', { r: 13 }],
    ['r', { r: 1e7 }],
    ['rank_pattern', { r: 4, rank_pattern: { '2.self_attn.q_proj': 1e9 } }],
  ])(
    'refuses a rank above the smaller side of a layer, before memory is taken: %s of %j',
    (field, config) => {
      try {
        createLoraAdapter(layers, { target_modules, ...config });
        expect.unreachable();
      } catch (error) {
        if (!LoraConfigError.isInstance(error)) throw error;
        expect(error.field).toBe(field);
        expect(error.message).toMatch(
          /self_attn.q_proj' \[12, 16\] rank \d+; no update of it has more than 12/,
        );
      }
    },
  );
});

describe('copyLoraAdapter', () => {
  it('has values of its own', () => {
    const adapter = createLoraAdapter(layers, { r: 2, target_modules });
    const copy = copyLoraAdapter(adapter);
    copy.modules[0]!.a.set(0, 0, 7);
    expect(copy.parameters[0]).toBe(7);
    expect(adapter.parameters[0]).not.toBe(7);
    expect(copy.config).toBe(adapter.config);
    const values = new Float32Array(adapter.parameters.length).fill(2);
    expect(copyLoraAdapter(adapter, values).parameters).toBe(values);
    expect(() => copyLoraAdapter(adapter, new Float32Array(3))).toThrow(RangeError);
  });
});
