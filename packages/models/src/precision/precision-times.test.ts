import { describe, expect, it } from 'vitest';
import { describePrecision, measurePrecisions } from './precision-times.ts';

describe('measurePrecisions', () => {
  it('measures every precision against float32', async () => {
    const times = await measurePrecisions({ threads: 1 });
    expect(Object.keys(times)).toEqual(['float32', 'int8', 'int8x3']);
    expect(times.float32).toBe(1);
    // Three products take longer than one, on any machine.
    expect(times.int8x3).toBeGreaterThan(times.int8);
    expect(times.int8).toBeGreaterThan(0);
  });
});

describe('describePrecision', () => {
  it('says what int8x3 costs, and advises float32 where that is no slower', () => {
    const fast = describePrecision('int8x3', { float32: 1, int8: 0.25, int8x3: 0.7512 });
    expect(fast).toMatch(
      /^int8x3 products take 0\.75 x the time of float32 ones on this machine, .* some 0\.1 %$/,
    );
    const slow = describePrecision('int8x3', { float32: 1, int8: 0.45, int8x3: 1.35 });
    expect(slow).toMatch(/take 1\.35 x .*: float32 is exact and no slower, so use it$/);
  });

  it('says what int8 costs and gives, and for what it is left where it is slower', () => {
    const fast = describePrecision('int8', { float32: 1, int8: 0.451, int8x3: 1.35 });
    expect(fast).toMatch(/^int8 products take 0\.45 x .*round logits to some 10 %, .*memory for weights$/);
    const slow = describePrecision('int8', { float32: 1, int8: 1.2, int8x3: 4 });
    expect(slow).toMatch(/take 1\.20 x .*: float32 is exact and no slower, so use it where it fits$/);
  });

  it('has nothing to measure of float32', () => {
    expect(describePrecision('float32', { float32: 1, int8: 0.45, int8x3: 1.35 })).toBe('float32 is exact');
  });
});
