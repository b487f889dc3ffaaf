import { widen } from '@safetune/tensor';

/**
 * Decodes whole blocks of a ggml type to float32: `ggml-quants.c` (`dequantize_row_*`), in the order and with the results of
 * gguf-py's `quants.py`. Integers and scales are exact in doubles, so that each value is rounded once, as theirs are.
 *
 * @param values as long as the blocks say
 */
export type Dequantize = (bytes: Uint8Array, values: Float32Array) => void;

/** By the type's name; other types are not decoded. */
export const dequantizers: ReadonlyMap<string, Dequantize> = new Map<string, Dequantize>([
  ['F32', (bytes, values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes)],
  ['F16', (bytes, values) => widen('float16', halfWords(bytes), values)],
  ['BF16', (bytes, values) => widen('bfloat16', halfWords(bytes), values)],
  ['Q4_0', blocks(18, 32, decodeQ4_0)],
  ['Q4_1', blocks(20, 32, decodeQ4_1)],
  ['Q5_0', blocks(22, 32, decodeQ5_0)],
  ['Q5_1', blocks(24, 32, decodeQ5_1)],
  ['Q8_0', blocks(34, 32, decodeQ8_0)],
  ['Q2_K', blocks(84, 256, decodeQ2_K)],
  ['Q3_K', blocks(110, 256, decodeQ3_K)],
  ['Q4_K', blocks(144, 256, decodeQ4_K)],
  ['Q5_K', blocks(176, 256, decodeQ5_K)],
  ['Q6_K', blocks(210, 256, decodeQ6_K)],
]);

/** Decodes the block whose bytes begin at `at`, to the values that begin at `to`. */
type DecodeBlock = (bytes: Uint8Array, at: number, values: Float32Array, to: number) => void;

function blocks(blockBytes: number, blockSize: number, decode: DecodeBlock): Dequantize {
  return (bytes, values) => {
    for (let at = 0, to = 0; at < bytes.length; at += blockBytes, to += blockSize)
      decode(bytes, at, values, to);
  };
}

function halfWords({ buffer, byteOffset, byteLength }: Uint8Array): Uint16Array {
  return new Uint16Array(buffer, byteOffset, byteLength / 2);
}

/** Every float16's value, made at first use. */
let halves: Float32Array | undefined;

/** The float16 at a byte. */
function half(bytes: Uint8Array, at: number): number {
  if (halves === undefined) {
    halves = new Float32Array(0x10000);
    widen(
      'float16',
      Uint16Array.from(halves, (_, pattern) => pattern),
      halves,
    );
  }
  return halves[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/** Scale; 16 bytes whose low halves are elements 0 to 15, the high ones 16 to 31. */
function decodeQ4_0(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const scale = half(bytes, at);
  for (let index = 0; index < 16; index++) {
    const byte = bytes[at + 2 + index]!;
    values[to + index] = scale * ((byte & 15) - 8);
    values[to + 16 + index] = scale * ((byte >> 4) - 8);
  }
}

/** Scale, least value; elements as in Q4_0. */
function decodeQ4_1(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const [scale, least] = [half(bytes, at), half(bytes, at + 2)];
  for (let index = 0; index < 16; index++) {
    const byte = bytes[at + 4 + index]!;
    values[to + index] = scale * (byte & 15) + least;
    values[to + 16 + index] = scale * (byte >> 4) + least;
  }
}

/** Scale, the fifth bit of each element, elements as in Q4_0. */
function decodeQ5_0(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const scale = half(bytes, at);
  for (let index = 0; index < 16; index++) {
    const byte = bytes[at + 6 + index]!;
    values[to + index] = scale * ((byte & 15) + 16 * fifthBit(bytes, at + 2, index) - 16);
    values[to + 16 + index] = scale * ((byte >> 4) + 16 * fifthBit(bytes, at + 2, 16 + index) - 16);
  }
}

/** Scale, least value, the fifth bit of each element, elements as in Q4_0. */
function decodeQ5_1(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const [scale, least] = [half(bytes, at), half(bytes, at + 2)];
  for (let index = 0; index < 16; index++) {
    const byte = bytes[at + 8 + index]!;
    values[to + index] = scale * ((byte & 15) + 16 * fifthBit(bytes, at + 4, index)) + least;
    values[to + 16 + index] = scale * ((byte >> 4) + 16 * fifthBit(bytes, at + 4, 16 + index)) + least;
  }
}

function fifthBit(bytes: Uint8Array, at: number, element: number): number {
  return (bytes[at + (element >> 3)]! >> (element & 7)) & 1;
}

function decodeQ8_0(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const scale = half(bytes, at);
  for (let index = 0; index < 32; index++) values[to + index] = scale * signed(bytes[at + 2 + index]!);
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

/** 16 pairs of 4-bit scale and minimum of 16 elements each; 2-bit elements, 128 in each 32 bytes; two scales of scales. */
function decodeQ2_K(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const [scaleOfScales, scaleOfLeast] = [half(bytes, at + 80), half(bytes, at + 82)];
  for (let group = 0; group < 16; group++) {
    const packed = bytes[at + group]!;
    const [scale, least] = [scaleOfScales * (packed & 15), scaleOfLeast * (packed >> 4)];
    const shift = 2 * ((group >> 1) & 3);
    const low = at + 16 + 32 * (group >> 3) + 16 * (group & 1);
    for (let index = 0; index < 16; index++) {
      values[to + 16 * group + index] = scale * ((bytes[low + index]! >> shift) & 3) - least;
    }
  }
}

/** The third bits of 256 elements, their low 2 bits as in Q2_K, 16 6-bit scales in 12 bytes, a scale of scales. */
function decodeQ3_K(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const scaleOfScales = half(bytes, at + 108);
  for (let group = 0; group < 16; group++) {
    const lowScale = (bytes[at + 96 + (group & 7)]! >> (4 * (group >> 3))) & 15;
    const highScale = (bytes[at + 104 + (group & 3)]! >> (2 * (group >> 2))) & 3;
    const scale = scaleOfScales * ((lowScale | (highScale << 4)) - 32);
    const shift = 2 * ((group >> 1) & 3);
    const high = at + 16 * (group & 1);
    const low = high + 32 + 32 * (group >> 3);
    for (let index = 0; index < 16; index++) {
      const third = (bytes[high + index]! >> (group >> 1)) & 1;
      values[to + 16 * group + index] = scale * (((bytes[low + index]! >> shift) & 3) + 4 * third - 4);
    }
  }
}

/** Two scales of scales; 8 pairs of 6-bit scale and minimum in 12 bytes; 4-bit elements, 64 in each 32 bytes. */
function decodeQ4_K(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  for (let group = 0; group < 8; group++) {
    const [scale, least] = groupScale(bytes, at, group);
    const shift = 4 * (group & 1);
    const low = at + 16 + 32 * (group >> 1);
    for (let index = 0; index < 32; index++) {
      values[to + 32 * group + index] = scale * ((bytes[low + index]! >> shift) & 15) - least;
    }
  }
}

/** As Q4_K, with the fifth bits of group g as bit g of 32 bytes before the elements. */
function decodeQ5_K(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  for (let group = 0; group < 8; group++) {
    const [scale, least] = groupScale(bytes, at, group);
    const shift = 4 * (group & 1);
    const [high, low] = [at + 16, at + 48 + 32 * (group >> 1)];
    for (let index = 0; index < 32; index++) {
      const element = ((bytes[low + index]! >> shift) & 15) | (((bytes[high + index]! >> group) & 1) << 4);
      values[to + 32 * group + index] = scale * element - least;
    }
  }
}

/** Scale and minimum of one of the 8 groups of a Q4_K or Q5_K block (`get_scale_min_k4`), rounded to float32 as there. */
function groupScale(bytes: Uint8Array, at: number, group: number): readonly [scale: number, least: number] {
  const packed = at + 4;
  const [one, other, third] = [
    bytes[packed + (group & 3)]!,
    bytes[packed + 4 + (group & 3)]!,
    bytes[packed + 8 + (group & 3)]!,
  ];
  const scale = group < 4 ? one & 63 : (third & 15) | ((one >> 6) << 4);
  const least = group < 4 ? other & 63 : (third >> 4) | ((other >> 6) << 4);
  return [Math.fround(half(bytes, at) * scale), Math.fround(half(bytes, at + 2) * least)];
}

/** Low 4 bits of 256 elements, high 2 bits, 16 signed 8-bit scales of 16 elements each, a scale of scales. */
function decodeQ6_K(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const scaleOfScales = half(bytes, at + 208);
  for (let part = 0; part < 8; part++) {
    // Elements 32 * part to 32 * part + 31: four parts share 64 bytes of low bits and 32 of high ones.
    const low = at + 64 * (part >> 2) + 32 * (part & 1);
    const lowShift = 4 * ((part >> 1) & 1);
    const high = at + 128 + 32 * (part >> 2);
    const highShift = 2 * (part & 3);
    for (let index = 0; index < 32; index++) {
      const scale = Math.fround(scaleOfScales * signed(bytes[at + 192 + 2 * part + (index >> 4)]!));
      const element =
        ((bytes[low + index]! >> lowShift) & 15) | (((bytes[high + index]! >> highShift) & 3) << 4);
      values[to + 32 * part + index] = scale * (element - 32);
    }
  }
}
