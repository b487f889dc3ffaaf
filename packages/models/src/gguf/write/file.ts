import { writeFileAtomically } from '@safetune/tensor';
import { ExportError } from '../../errors.ts';
import { encodeValues, type GgufTensorType, tensorTypeLayouts } from './tensor-bytes.ts';

/** A metadata value with the type that GGUF stores it in. */
export type GgufValue =
  | { readonly type: 'uint32' | 'int32' | 'float32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'int32s' | 'uint32s' | 'float32s'; readonly value: ArrayLike<number> };

/** Metadata by key, in the order in which it is written. */
export type GgufMetadata = Readonly<Record<string, GgufValue>>;

/** A tensor to write: float32 values, row-major, in chunks of whole blocks of its type. */
export interface GgufTensor {
  readonly name: string;
  /** As PyTorch says it; the file has it in reverse. */
  readonly shape: readonly number[];
  readonly type: GgufTensorType;
  chunks(): Iterable<Float32Array> | AsyncIterable<Float32Array>;
}

/** GGUF's numbers of value types. */
const valueTypes = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;
/** Tensors begin at multiples of this many bytes, `general.alignment`'s default. */
const alignment = 32;

/**
 * Writes a GGUF file of version 3, little-endian, whole or not at all: the bytes that gguf-py's `GGUFWriter` writes.
 *
 * @throws ExportError for text that is not well-formed, for a tensor whose rows do not fill blocks of its type, and for a
 * value that is not finite or too large for it; FileWriteError.
 */
export async function writeGguf(
  path: string,
  metadata: GgufMetadata,
  tensors: readonly GgufTensor[],
): Promise<void> {
  await writeFileAtomically(path, fileChunks(path, metadata, tensors));
}

async function* fileChunks(
  path: string,
  metadata: GgufMetadata,
  tensors: readonly GgufTensor[],
): AsyncGenerator<Uint8Array> {
  const header = new ByteWriter(path);
  header.raw(new TextEncoder().encode('GGUF'));
  header.uint32(3);
  header.uint64(tensors.length);
  header.uint64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    header.string(key);
    header.value(value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    header.string(tensor.name);
    header.uint32(tensor.shape.length);
    for (const extent of tensor.shape.toReversed()) header.uint64(extent);
    header.uint32(tensorTypeLayouts[tensor.type].number);
    header.uint64(offset);
    offset += padded(byteLength(path, tensor));
  }
  header.raw(new Uint8Array(padded(header.length) - header.length));
  yield* header.parts();
  for (const tensor of tensors) yield* tensorBytes(path, tensor);
}

async function* tensorBytes(path: string, tensor: GgufTensor): AsyncGenerator<Uint8Array> {
  let [values, bytes] = [0, 0];
  for await (const chunk of tensor.chunks()) {
    const encoded = encode(path, tensor, chunk, values);
    values += chunk.length;
    bytes += encoded.length;
    yield encoded;
  }
  const expected = byteLength(path, tensor);
  if (bytes !== expected) {
    throw new ExportError(
      path,
      `tensor '${tensor.name}' gave ${bytes} bytes where its shape takes ${expected}`,
    );
  }
  yield new Uint8Array(padded(bytes) - bytes);
}

function encode(path: string, { name, type }: GgufTensor, chunk: Float32Array, before: number): Uint8Array {
  return encodeValues(type, chunk, (index) => {
    const value = chunk[index]!;
    const advice = Number.isFinite(value)
      ? `too large for ${type}; write bf16 or f32`
      : 'not finite: the training run diverged, or the checkpoint is damaged';
    throw new ExportError(path, `tensor '${name}' holds ${value} at ${before + index}, ${advice}`);
  });
}

function byteLength(path: string, { name, shape, type }: GgufTensor): number {
  const { blockElements, blockBytes } = tensorTypeLayouts[type];
  const elements = shape.reduce((product, extent) => product * extent, 1);
  if ((shape.at(-1) ?? 1) % blockElements !== 0) {
    throw new ExportError(
      path,
      `tensor '${name}' [${shape}] cannot be ${type}: its rows are no multiple of ${blockElements}`,
    );
  }
  return (elements / blockElements) * blockBytes;
}

function padded(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}

/** Little-endian bytes, gathered in parts. */
class ByteWriter {
  length = 0;
  readonly #path: string;
  readonly #parts: Uint8Array[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  parts(): readonly Uint8Array[] {
    return [Buffer.concat(this.#parts)];
  }

  raw(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  uint32(value: number): void {
    this.raw(new Uint8Array(Uint32Array.of(value).buffer));
  }

  uint64(value: number): void {
    this.raw(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }

  string(text: string): void {
    if (!text.isWellFormed()) {
      throw new ExportError(
        this.#path,
        `GGUF cannot hold the text ${JSON.stringify(text)}: half of a character`,
      );
    }
    const bytes = Buffer.from(text);
    this.uint64(bytes.length);
    this.raw(bytes);
  }

  value(value: GgufValue): void {
    switch (value.type) {
      case 'bool':
        this.uint32(valueTypes.bool);
        this.raw(Uint8Array.of(value.value ? 1 : 0));
        return;
      case 'string':
        this.uint32(valueTypes.string);
        this.string(value.value);
        return;
      case 'strings':
        this.#arrayStart('string', value.value.length);
        for (const text of value.value) this.string(text);
        return;
      case 'int32s':
      case 'uint32s':
      case 'float32s': {
        const type = value.type.slice(0, -1) as 'int32' | 'uint32' | 'float32';
        this.#arrayStart(type, value.value.length);
        this.raw(numberBytes(type, value.value));
        return;
      }
      default:
        this.uint32(valueTypes[value.type]);
        this.raw(numberBytes(value.type, [value.value]));
    }
  }

  #arrayStart(type: keyof typeof valueTypes, count: number): void {
    this.uint32(valueTypes.array);
    this.uint32(valueTypes[type]);
    this.uint64(count);
  }
}

function numberBytes(type: 'int32' | 'uint32' | 'float32', values: ArrayLike<number>): Uint8Array {
  const arrays = { int32: Int32Array, uint32: Uint32Array, float32: Float32Array };
  return new Uint8Array(arrays[type].from(values).buffer);
}
