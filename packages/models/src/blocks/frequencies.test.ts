import { describe, expect, it } from 'vitest';
import { inverseFrequencies, longFrequencies } from './frequencies.ts';

describe('inverseFrequencies', () => {
  it('fall from 1 by equal factors', () => {
    const frequencies = inverseFrequencies({ kind: 'default', base: 10_000, features: 8 });
    expect([...frequencies]).toEqual([1, 0.1, 0.01, 0.001].map(Math.fround));
  });

  it('have the bits of torch', () => {
    // 1.0 / (500000.0 ** (torch.arange(0, 16, 2).float() / 16))
    const expected = [
      1, 0.193922758102417, 0.03760603070259094, 0.00729266507551074, 0.001414213445968926,
      0.00027424818836152554, 5.3182957344688475e-5, 1.0313385246263351e-5,
    ];
    expect([...inverseFrequencies({ kind: 'default', base: 500_000, features: 16 })]).toEqual(expected);
  });

  it('are divided by the factor of linear scaling', () => {
    const plain = inverseFrequencies({ kind: 'default', base: 10_000, features: 8 });
    const scaled = inverseFrequencies({ kind: 'linear', base: 10_000, features: 8, factor: 4 });
    expect([...scaled]).toEqual([...plain].map((frequency) => frequency / 4));
  });

  const llama3 = { lowFrequencyFactor: 1, highFrequencyFactor: 4 };
  const yarn = { betaFast: 32, betaSlow: 1, truncate: true, attentionFactor: 1 };
  it.each([
    ['llama3', { kind: 'llama3', ...llama3 }],
    ['yarn', { kind: 'yarn', ...yarn }],
  ] as const)(
    'of %s keep the fast, divide the slow, and go from one to the other without a jump',
    (_name, scaling) => {
      const common = { base: 500_000, features: 128, factor: 8, originalMaximumPositions: 8192 };
      const plain = inverseFrequencies({ kind: 'default', ...common });
      const scaled = inverseFrequencies({ ...scaling, ...common });
      const ratios = [...scaled].map((frequency, index) => frequency / plain[index]!);
      expect(ratios[0]).toBe(1);
      expect(ratios.at(-1)).toBeCloseTo(1 / 8, 6);
      ratios.slice(1).forEach((ratio, index) => {
        expect(ratio).toBeLessThanOrEqual(ratios[index]! + 1e-7);
      });
      expect(ratios.some((ratio) => ratio > 0.2 && ratio < 0.9)).toBe(true);
    },
  );

  it('of longrope are divided one by one, by other numbers in long sequences', () => {
    const config = {
      kind: 'longrope',
      base: 10_000,
      features: 8,
      shortFactors: [1, 2, 4, 8],
      longFactors: [2, 4, 8, 16],
      originalMaximumPositions: 4096,
      attentionFactor: 1,
    } as const;
    const plain = [...inverseFrequencies({ kind: 'default', base: 10_000, features: 8 })];
    const near = (found: Float32Array, factors: readonly number[]) =>
      factors.forEach((factor, pair) => {
        expect(found[pair]! * factor).toBeCloseTo(plain[pair]!, 7);
      });
    near(inverseFrequencies(config), config.shortFactors);
    near(longFrequencies(config), config.longFactors);
  });
});
