import { describe, expect, it } from 'vitest';
import { inverseFrequencies } from './rotary.ts';

describe('inverseFrequencies', () => {
  it('fall from 1 by equal factors', () => {
    const frequencies = inverseFrequencies(8, { kind: 'default', base: 10_000 });
    expect([...frequencies]).toEqual([1, 0.1, 0.01, 0.001].map(Math.fround));
  });

  it('have the bits of torch', () => {
    // 1.0 / (500000.0 ** (torch.arange(0, 16, 2).float() / 16))
    const expected = [
      1, 0.193922758102417, 0.03760603070259094, 0.00729266507551074, 0.001414213445968926,
      0.00027424818836152554, 5.3182957344688475e-5, 1.0313385246263351e-5,
    ];
    expect([...inverseFrequencies(16, { kind: 'default', base: 500_000 })]).toEqual(expected);
  });

  it('are divided by the factor of linear scaling', () => {
    const plain = inverseFrequencies(8, { kind: 'default', base: 10_000 });
    const scaled = inverseFrequencies(8, { kind: 'linear', base: 10_000, factor: 4 });
    expect([...scaled]).toEqual([...plain].map((frequency) => frequency / 4));
  });

  it('of llama3 keep the fast, divide the slow, and go from one to the other without a jump', () => {
    const scaling = {
      factor: 8,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalMaximumPositions: 8192,
    };
    const plain = inverseFrequencies(128, { kind: 'default', base: 500_000 });
    const scaled = inverseFrequencies(128, { kind: 'llama3', base: 500_000, ...scaling });
    const ratios = [...scaled].map((frequency, index) => frequency / plain[index]!);
    expect(ratios[0]).toBe(1);
    expect(ratios.at(-1)).toBe(1 / 8);
    ratios.slice(1).forEach((ratio, index) => {
      expect(ratio).toBeLessThanOrEqual(ratios[index]!);
    });
    expect(ratios.some((ratio) => ratio > 0.2 && ratio < 0.9)).toBe(true);
  });
});
