import { describe, expect, it } from 'vitest';
import {
  type AdamWOptions,
  adamWStep,
  checkAdamW,
  clipByNorm,
  createAdamWState,
  OptimizerOptionError,
} from './index.ts';

describe('adamWStep', () => {
  // torch.optim.AdamW([tensor([1., -2.])], lr=0.1, weight_decay=0.01), gradients [0.5, -1], then [0.1, 0.2].
  it('follows PyTorch', () => {
    const parameters = Float32Array.of(1, -2);
    const state = createAdamWState(2);
    adamWStep(parameters, Float32Array.of(0.5, -1), state, 0.1);
    expect([...parameters]).toEqual([expect.closeTo(0.899, 6), expect.closeTo(-1.898, 6)]);
    adamWStep(parameters, Float32Array.of(0.1, 0.2), state, 0.1);
    expect(parameters[0]).toBeCloseTo(0.8177969, 5);
    expect(parameters[1]).toBeCloseTo(-1.844999, 5);
    expect(state.step).toBe(2);
  });
});

describe('clipByNorm', () => {
  it('returns the norm and scales only what is longer', () => {
    const long = Float32Array.of(3, 4);
    expect(clipByNorm(long, 1)).toBeCloseTo(5, 6);
    expect(Math.hypot(...long)).toBeCloseTo(1, 5);
    const short = Float32Array.of(0.3, 0.4);
    expect(clipByNorm(short, 1)).toBeCloseTo(0.5, 6);
    expect([...short]).toEqual([...Float32Array.of(0.3, 0.4)]);
  });
});

describe('checkAdamW', () => {
  it.each<[AdamWOptions, string]>([
    [{ beta1: 1 }, 'beta1: 1 must be a number from 0 to less than 1'],
    [{ beta2: -0.1 }, 'beta2: -0.1 must be'],
    [{ epsilon: 0 }, 'epsilon: 0 must be a number greater than 0'],
    [{ weightDecay: Number.NaN }, 'weightDecay: NaN must be'],
    [{ loraPlusRatio: 0 }, 'loraPlusRatio: 0 must be'],
  ])('refuses %o', (options, message) => {
    expect(() => checkAdamW(options)).toThrow(message);
    expect(() => checkAdamW(options)).toThrow(OptimizerOptionError);
  });
});
