/**
 * Conversion between float32 and the two 16-bit storage types, on bit patterns: widening is exact, narrowing rounds
 * to nearest, ties to even (IEEE 754), as PyTorch and NumPy do.
 */

/** The two 16-bit floating-point storage types. */
export type HalfPrecision = 'float16' | 'bfloat16';

const float32Infinity = 0x7f800000;

/** Writes the float32 values of `source` (16-bit patterns of type `dtype`) to `target`, which must be as long. */
export function widen(dtype: HalfPrecision, source: Uint16Array, target: Float32Array): void {
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  if (dtype === 'bfloat16') {
    for (let i = 0; i < source.length; i++) bits[i] = source[i]! << 16;
    return;
  }
  float16Table ??= Uint32Array.from({ length: 0x10000 }, (_, pattern) => float16ToFloat32Bits(pattern));
  for (let i = 0; i < source.length; i++) bits[i] = float16Table[source[i]!]!;
}

/**
 * Writes the values of `source`, rounded to `dtype`, to `target` as 16-bit patterns; `target` must be as long.
 *
 * @returns the index of the first finite value that is too large for `dtype` (it becomes infinite), or -1.
 */
export function narrow(dtype: HalfPrecision, source: Float32Array, target: Uint16Array): number {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  const round = dtype === 'bfloat16' ? float32ToBfloat16Bits : float32ToFloat16Bits;
  const infinity = dtype === 'bfloat16' ? 0x7f80 : 0x7c00;
  let overflow = -1;
  for (let i = 0; i < bits.length; i++) {
    const rounded = round(bits[i]!);
    target[i] = rounded;
    if ((rounded & 0x7fff) === infinity && overflow < 0 && (bits[i]! & 0x7fffffff) !== float32Infinity)
      overflow = i;
  }
  return overflow;
}

/** Every float16 pattern's float32 pattern, made at first use (256 KiB). */
let float16Table: Uint32Array | undefined;

function float16ToFloat32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return (sign | float32Infinity | (fraction << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  // A subnormal half is normal in float32: shift its leading one out of the fraction.
  const shift = Math.clz32(fraction) - 21;
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0;
}

function float32ToFloat16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > float32Infinity) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and above round beyond the largest half, 65504
  if (magnitude >= 0x38800000) {
    const rebiased = magnitude - 0x38000000;
    return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
  }
  if (magnitude <= 0x33000000) return sign; // 2^-25 and below: half of the least subnormal ties to zero
  const shift = 126 - (magnitude >>> 23);
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const quotient = significand >>> shift;
  const remainder = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (quotient + (remainder > half || (remainder === half && (quotient & 1) === 1) ? 1 : 0));
}

function float32ToBfloat16Bits(bits: number): number {
  if ((bits & 0x7fffffff) > float32Infinity) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
