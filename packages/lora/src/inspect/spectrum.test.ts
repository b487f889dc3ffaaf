import { contiguousData, hostArray, singularValues } from '@safetune/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLoraAdapter } from '../adapter/adapter.ts';
import type { LoraModule } from '../adapter/module.ts';
import { weightUpdate } from '../merge/merge.ts';
import { effectiveRank, moduleSpectrum, stableRank } from './spectrum.ts';

function moduleOf(a: readonly number[][], b: readonly number[][], scale: number): LoraModule {
  const array = (rows: readonly number[][]) =>
    hostArray(Float32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
  return {
    name: 'q_proj',
    inFeatures: a[0]!.length,
    outFeatures: b.length,
    rank: a.length,
    scale,
    a: array(a),
    b: array(b),
  };
}

describe('moduleSpectrum', () => {
  it('gives the known spectrum of a diagonal update', () => {
    // scale B A = 2 * diag(3, 1) in a 3 x 4 matrix.
    const module = moduleOf(
      [
        [3, 0, 0, 0],
        [0, 1, 0, 0],
      ],
      [
        [1, 0],
        [0, 1],
        [0, 0],
      ],
      2,
    );
    const spectrum = moduleSpectrum(module);
    expect(spectrum).toMatchObject({ name: 'q_proj', rank: 2, scale: 2 });
    expect(spectrum.singularValues[0]).toBeCloseTo(6, 6);
    expect(spectrum.singularValues[1]).toBeCloseTo(2, 6);
    expect(spectrum.frobeniusNorm).toBeCloseTo(Math.sqrt(40), 6);
    expect(spectrum.stableRank).toBeCloseTo(40 / 36, 6);
    expect(spectrum.effectiveRank).toBeCloseTo(Math.exp(-0.75 * Math.log(0.75) - 0.25 * Math.log(0.25)), 6);
  });

  it('is zero for an adapter that has not been trained', () => {
    const layers = [{ name: 'q_proj', inFeatures: 8, outFeatures: 6 }];
    const [module] = createLoraAdapter(layers, { r: 3, target_modules: ['q_proj'] }).modules;
    expect(moduleSpectrum(module!)).toMatchObject({
      singularValues: new Float64Array(3),
      frobeniusNorm: 0,
      effectiveRank: 0,
      stableRank: 0,
    });
  });

  it('equals the spectrum of the whole update, for any shapes, ranks above the layer and signs of the scale', () => {
    const entry = fc.double({ min: -2, max: 2, noNaN: true }).map(Math.fround);
    const modules = fc
      .record({
        rank: fc.integer({ min: 1, max: 5 }),
        rows: fc.integer({ min: 1, max: 5 }),
        columns: fc.integer({ min: 1, max: 5 }),
      })
      .chain(({ rank, rows, columns }) => {
        const matrix = (height: number, width: number) =>
          fc.array(fc.array(entry, { minLength: width, maxLength: width }), {
            minLength: height,
            maxLength: height,
          });
        return fc.tuple(matrix(rank, columns), matrix(rows, rank), fc.constantFrom(-1.5, 0.5, 3));
      });
    fc.assert(
      fc.property(modules, ([a, b, scale]) => {
        const module = moduleOf(a, b, scale);
        const { singularValues: found, frobeniusNorm } = moduleSpectrum(module);
        const update = weightUpdate(module);
        const whole = singularValues(update);
        expect(found.length).toBeLessThanOrEqual(whole.length);
        whole.forEach((value, index) => {
          expect(Math.abs(value - (found[index] ?? 0))).toBeLessThan(1e-5 * (1 + whole[0]!));
        });
        expect(frobeniusNorm).toBeCloseTo(Math.hypot(...(contiguousData(update) as Float32Array)), 4);
      }),
      { numRuns: 60 },
    );
  });
});

describe('effectiveRank and stableRank', () => {
  it('count equal values, and do not change with the scale', () => {
    expect(effectiveRank(Float64Array.of(2, 2, 2, 0))).toBeCloseTo(3, 12);
    expect(stableRank(Float64Array.of(2, 2, 2, 0))).toBeCloseTo(3, 12);
    expect(effectiveRank(Float64Array.of(5, 0))).toBeCloseTo(1, 12);
    expect(effectiveRank(Float64Array.of(1e-200, 3e-200))).toBeCloseTo(
      effectiveRank(Float64Array.of(1, 3)),
      12,
    );
    expect(stableRank(Float64Array.of(3e-200, 1e-200))).toBeCloseTo(10 / 9, 12);
  });
});
