import { narrow } from '@safetune/tensor';

/** Types that tensors of a GGUF file are written in. */
export type GgufTensorType = 'f32' | 'f16' | 'bf16' | 'q8_0';

/** How ggml lays a type out: its number, and how many elements a block of how many bytes holds. */
interface TensorTypeLayout {
  readonly number: number;
  readonly blockElements: number;
  readonly blockBytes: number;
}

/** ggml's `enum ggml_type` and block sizes. */
export const tensorTypeLayouts: Readonly<Record<GgufTensorType, TensorTypeLayout>> = {
  f32: { number: 0, blockElements: 1, blockBytes: 4 },
  f16: { number: 1, blockElements: 1, blockBytes: 2 },
  q8_0: { number: 8, blockElements: 32, blockBytes: 34 },
  bf16: { number: 30, blockElements: 1, blockBytes: 2 },
};

/**
 * The bytes of values in a type: little-endian; 16-bit floats rounded to nearest, ties to even; `q8_0` as ggml's reference
 * (`quantize_row_q8_0_ref`): blocks of 32 with a float16 scale, the largest magnitude / 127, halves rounded away from zero.
 *
 * @param values - as many as fill whole blocks.
 * @param refuse - is told the index of a value that is not finite, or too large for the type, and throws.
 */
export function encodeValues(
  type: GgufTensorType,
  values: Float32Array,
  refuse: (index: number) => never,
): Uint8Array {
  const strange = values.findIndex((value) => !Number.isFinite(value));
  if (strange >= 0) refuse(strange);
  if (type === 'f32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (type === 'q8_0') return encodeQ8(values, refuse);
  const halves = new Uint16Array(values.length);
  const overflow = narrow(type === 'f16' ? 'float16' : 'bfloat16', values, halves);
  if (overflow >= 0) refuse(overflow);
  return new Uint8Array(halves.buffer);
}

function encodeQ8(values: Float32Array, refuse: (index: number) => never): Uint8Array {
  const { blockElements, blockBytes } = tensorTypeLayouts.q8_0;
  const count = values.length / blockElements;
  const bytes = new Uint8Array(count * blockBytes);
  const integers = new Int8Array(bytes.buffer);
  const scale = new Float32Array(1);
  const half = new Uint16Array(1);
  for (let block = 0; block < count; block++) {
    const start = block * blockElements;
    let largest = start;
    for (let index = start; index < start + blockElements; index++) {
      if (Math.abs(values[index]!) > Math.abs(values[largest]!)) largest = index;
    }
    scale[0] = Math.abs(values[largest]!) / 127;
    if (narrow('float16', scale, half) >= 0) refuse(largest);
    const target = block * blockBytes;
    bytes[target] = half[0]! & 0xff;
    bytes[target + 1] = half[0]! >>> 8;
    // Its inverse may overflow where the scale rounds to zero anyway.
    const inverse = scale[0] === 0 ? 0 : Math.fround(1 / scale[0]!);
    if (!Number.isFinite(inverse)) continue;
    for (let index = 0; index < blockElements; index++) {
      integers[target + 2 + index] = roundedAway(Math.fround(values[start + index]! * inverse));
    }
  }
  return bytes;
}

/** To the nearest integer, halves away from zero, as C's `roundf`. */
function roundedAway(value: number): number {
  const magnitude = Math.abs(value);
  const floor = Math.floor(magnitude);
  const rounded = magnitude - floor >= 0.5 ? floor + 1 : floor;
  return value < 0 ? -rounded : rounded;
}
