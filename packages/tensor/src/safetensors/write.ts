import type { Hash } from 'node:crypto';
import { type AtomicFile, type AtomicFileOptions, stageFile } from '../atomic-file.ts';
import type { DataType } from '../dtype.ts';
import { contiguousData, dataTypeOf, type HostArray } from '../host-array.ts';
import { SafetensorsWriteError } from './errors.ts';
import { compareTensors, encodeHeader, type TensorDescription, tensorBytes } from './format.ts';
import { narrow } from './half-precision.ts';

/**
 * A tensor to write: in the type of its array, or in a type that no typed array holds. `float16` and `bfloat16` round
 * a float32 array to nearest, ties to even; `bool` takes 0 and 1 of a uint8 array.
 */
export type WritableTensor =
  | HostArray
  | { readonly dtype: 'float16' | 'bfloat16' | 'bool'; readonly array: HostArray };

/** A tensor whose bytes (row-major, little-endian) come in chunks of any size while the file is written. */
export interface TensorStream extends TensorDescription {
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** Options of {@link writeSafetensors}. */
export interface SafetensorsWriteOptions {
  /** The file's `__metadata__`; transformers expects `{ format: 'pt' }`. Default none. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes tensors to a `.safetensors` file, whole or not at all: the bytes the reference implementation would write.
 * Views are written row-major whatever their strides. The folder must exist.
 *
 * @throws SafetensorsWriteError for a name the format cannot hold, an array that does not fit the type asked for, or a
 * finite value too large for `float16` or `bfloat16`; FileWriteError when the path cannot be written.
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, WritableTensor>>,
  options: SafetensorsWriteOptions = {},
): Promise<void> {
  const streams = Object.entries(tensors).map(([name, tensor]) => tensorStream(path, name, tensor));
  await writeTensorStreams(path, streams, options);
}

/** As {@link writeSafetensors}, of tensors made or read chunk by chunk, which need not fit into memory. */
export async function writeTensorStreams(
  path: string,
  tensors: readonly TensorStream[],
  options: SafetensorsWriteOptions = {},
): Promise<void> {
  const file = await stageTensorStreams(path, tensors, options);
  try {
    await file.commit();
  } finally {
    await file.discard();
  }
}

/** Options of {@link stageTensorStreams}. */
export interface StageTensorsOptions extends SafetensorsWriteOptions, AtomicFileOptions {
  /** Is told all bytes of the file. */
  readonly hash?: Hash;
}

/** As {@link writeTensorStreams}, but the file appears when the caller commits it. */
export async function stageTensorStreams(
  path: string,
  tensors: readonly TensorStream[],
  { metadata = {}, hash, ...options }: StageTensorsOptions = {},
): Promise<AtomicFile> {
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== 'string' || !text.isWellFormed() || !key.isWellFormed()) {
      throw new SafetensorsWriteError(path, undefined, `metadata '${key}' must be well-formed text`);
    }
  }
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (name === '__metadata__' || !name.isWellFormed()) {
      throw new SafetensorsWriteError(path, name, 'the format does not allow this name');
    }
    if (names.has(name)) throw new SafetensorsWriteError(path, name, 'the name is used twice');
    names.add(name);
  }
  const ordered = [...tensors].sort(compareTensors);
  const chunks = fileChunks(path, encodeHeader(ordered, metadata), ordered);
  return stageFile(path, hash === undefined ? chunks : hashed(chunks, hash), options);
}

async function* hashed(chunks: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

async function* fileChunks(
  path: string,
  header: Uint8Array,
  tensors: readonly TensorStream[],
): AsyncGenerator<Uint8Array> {
  yield header;
  for (const tensor of tensors) {
    let bytes = 0;
    for await (const chunk of tensor.chunks()) {
      bytes += chunk.length;
      yield chunk;
    }
    const expected = tensorBytes(tensor);
    if (bytes !== expected) {
      throw new SafetensorsWriteError(
        path,
        tensor.name,
        `it gave ${bytes} bytes where its shape takes ${expected}`,
      );
    }
  }
}

/** Describes a host array as a stream of bytes. */
export function tensorStream(path: string, name: string, tensor: WritableTensor): TensorStream {
  const array = 'array' in tensor ? tensor.array : tensor;
  const held = dataTypeOf(array.data);
  const dtype: DataType = 'array' in tensor ? tensor.dtype : held;
  const required =
    dtype === 'bool' ? 'uint8' : dtype === 'float16' || dtype === 'bfloat16' ? 'float32' : held;
  if (held !== required) {
    throw new SafetensorsWriteError(
      path,
      name,
      `${dtype} is written from a ${required} array, not from ${held}`,
    );
  }
  const shape = [...array.shape];
  return { name, dtype, shape, chunks: () => arrayChunks(path, name, dtype, array) };
}

/** Elements rounded at a time: 2 MiB of 16-bit values. */
const chunkElements = 2 ** 20;

function* arrayChunks(path: string, name: string, dtype: DataType, array: HostArray): Generator<Uint8Array> {
  const data = contiguousData(array);
  if (dtype === 'float16' || dtype === 'bfloat16') {
    for (let start = 0; start < data.length; start += chunkElements) {
      const values = (data as Float32Array).subarray(start, start + chunkElements);
      const halves = new Uint16Array(values.length);
      const overflow = narrow(dtype, values, halves);
      if (overflow >= 0) {
        const message = `element ${start + overflow} (row-major) is ${values[overflow]}, too large for ${dtype}; write float32`;
        throw new SafetensorsWriteError(path, name, message);
      }
      yield bytesOf(halves);
    }
    return;
  }
  if (dtype === 'bool') {
    const position = (data as Uint8Array).findIndex((value) => value > 1);
    if (position >= 0) {
      throw new SafetensorsWriteError(
        path,
        name,
        `element ${position} (row-major) is ${data[position]}, not 0 or 1`,
      );
    }
  }
  yield bytesOf(data);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
