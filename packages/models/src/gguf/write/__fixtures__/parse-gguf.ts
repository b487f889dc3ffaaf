import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** What a GGUF file says, read for tests by the format's description alone. */
export interface ParsedGguf {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, ParsedTensor>>;
}

export interface ParsedTensor {
  readonly type: string;
  /** As PyTorch says it. */
  readonly shape: readonly number[];
  readonly bytes: Buffer;
  readonly sha256: string;
}

const tensorTypes: Record<number, { name: string; block: number; bytes: number }> = {
  0: { name: 'F32', block: 1, bytes: 4 },
  1: { name: 'F16', block: 1, bytes: 2 },
  8: { name: 'Q8_0', block: 32, bytes: 34 },
  30: { name: 'BF16', block: 1, bytes: 2 },
};

export async function parseGguf(path: string): Promise<ParsedGguf> {
  const file = await readFile(path);
  let at = 4;
  const advance = (length: number) => {
    at += length;
    return at - length;
  };
  const uint32 = () => file.readUInt32LE(advance(4));
  const uint64 = () => Number(file.readBigUInt64LE(advance(8)));
  const text = () => {
    const length = uint64();
    const start = advance(length);
    return file.toString('utf8', start, start + length);
  };
  const value = (type: number): unknown => {
    if (type === 4) return uint32();
    if (type === 5) return file.readInt32LE(advance(4));
    if (type === 6) return file.readFloatLE(advance(4));
    if (type === 7) return file[advance(1)] === 1;
    if (type === 8) return text();
    if (type !== 9) throw new Error(`value type ${type}`);
    const [of, count] = [uint32(), uint64()];
    return Array.from({ length: count }, () => value(of));
  };
  if (file.toString('latin1', 0, 4) !== 'GGUF' || uint32() !== 3) throw new Error('no GGUF of version 3');
  const [tensorCount, valueCount] = [uint64(), uint64()];
  const metadata = Object.fromEntries(
    Array.from({ length: valueCount }, () => {
      const key = text();
      return [key, value(uint32())];
    }),
  );
  const infos = Array.from({ length: tensorCount }, () => {
    const name = text();
    const shape = Array.from({ length: uint32() }, () => uint64()).reverse();
    return { name, shape, type: tensorTypes[uint32()]!, offset: uint64() };
  });
  const start = Math.ceil(at / 32) * 32;
  const tensors = infos.map(({ name, shape, type, offset }) => {
    const elements = shape.reduce((product, extent) => product * extent, 1);
    const bytes = file.subarray(start + offset, start + offset + (elements / type.block) * type.bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return [name, { type: type.name, shape, bytes, sha256 }] as const;
  });
  return { metadata, tensors: Object.fromEntries(tensors) };
}
