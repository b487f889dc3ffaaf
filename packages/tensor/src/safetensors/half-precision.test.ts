import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HalfPrecision, narrow, widen } from './half-precision.ts';

function widened(dtype: HalfPrecision, ...patterns: number[]): number[] {
  const values = new Float32Array(patterns.length);
  widen(dtype, Uint16Array.from(patterns), values);
  return [...values];
}

function narrowed(dtype: HalfPrecision, ...values: number[]): number[] {
  const patterns = new Uint16Array(values.length);
  narrow(dtype, Float32Array.from(values), patterns);
  return [...patterns];
}

describe('widen', () => {
  it('gives the values IEEE 754 assigns to float16 patterns', () => {
    expect(widened('float16', 0x3c00, 0xc100, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x7c00, 0x8000)).toEqual([
      1,
      -2.5,
      65504,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      Number.POSITIVE_INFINITY,
      -0,
    ]);
    expect(widened('float16', 0x7e00)).toEqual([Number.NaN]);
  });

  it('gives the upper half of the float32 pattern for bfloat16', () => {
    expect(widened('bfloat16', 0x3f80, 0xc020, 0x0001, 0x7f7f)).toEqual([
      1,
      -2.5,
      2 ** -133,
      3.3895313892515355e38,
    ]);
  });
});

describe('narrow', () => {
  it.each(['float16', 'bfloat16'] as const)('inverts widen on every %s pattern that is a number', (dtype) => {
    const patterns = Uint16Array.from({ length: 0x10000 }, (_, pattern) => pattern);
    const values = new Float32Array(patterns.length);
    widen(dtype, patterns, values);
    const again = new Uint16Array(patterns.length);
    expect(narrow(dtype, values, again)).toBe(-1);
    for (const pattern of patterns) {
      if (Number.isNaN(values[pattern]!))
        expect(Number.isNaN(widened(dtype, again[pattern]!)[0]!)).toBe(true);
      else if (again[pattern] !== pattern) expect.fail(`${pattern} came back as ${again[pattern]}`);
    }
  });

  it.each(['float16', 'bfloat16'] as const)(
    'rounds to the nearest %s, and a tie to the even pattern',
    (dtype) => {
      const largest = dtype === 'float16' ? 0x7bff : 0x7f7f;
      fc.assert(
        fc.property(
          fc.integer({ min: 0, max: largest - 1 }),
          fc.double({ min: 0, max: 1, noNaN: true }),
          (below, t) => {
            const [low, high] = widened(dtype, below, below + 1) as [number, number];
            const value = Math.fround(low + (high - low) * t);
            const tie = value - low === high - value;
            const nearest = tie ? below + (below & 1) : value - low < high - value ? below : below + 1;
            expect(narrowed(dtype, value, -value)).toEqual([nearest, nearest | 0x8000]);
            const middle = Math.fround((low + high) / 2); // exact in float32 for float16; for bfloat16 except least subnormals
            if (middle - low === high - middle)
              expect(narrowed(dtype, middle)).toEqual([below + (below & 1)]);
          },
        ),
        { numRuns: 2000 },
      );
    },
  );

  it('names the first finite value that becomes infinite, and keeps infinities and NaN', () => {
    const patterns = new Uint16Array(5);
    const values = Float32Array.from([Number.POSITIVE_INFINITY, Number.NaN, 65519, 65520, 1e9]);
    expect(narrow('float16', values, patterns)).toBe(3);
    expect([...patterns]).toEqual([0x7c00, 0x7e00, 0x7bff, 0x7c00, 0x7c00]);
    expect(narrow('bfloat16', Float32Array.from([-3.4028234663852886e38]), patterns)).toBe(0);
  });

  it('rounds half of the least float16 to zero and anything above it up', () => {
    expect(narrowed('float16', 2 ** -25, 2 ** -25 * (1 + 2 ** -23), 3 * 2 ** -25)).toEqual([0, 1, 2]);
  });
});
