import type { FileHandle } from 'node:fs/promises';
import { bytesPerElement, type DataType } from '../dtype.ts';
import { FileReadError } from '../files/errors.ts';
import { kindOfContent } from '../files/file-kind.ts';
import { type OpenedFile, type OpenFileOptions, openRegularFile } from '../files/open-file.ts';
import { type HostArray, type HostData, hostArray } from '../host-array.ts';
import { checkedRead } from './checked-reads.ts';
import { SafetensorsError, TensorNotFoundError, UnsupportedDtypeError } from './errors.ts';
import { dataTypeOfStored, lengthFieldBytes, parseHeader, parseHeaderLength } from './format.ts';
import { widen } from './half-precision.ts';

/** Where a tensor's bytes lie: a row-major, little-endian block of a file. Nothing is read until it is asked for. */
export interface TensorRegion {
  readonly name: string;
  /** Type of the stored elements. */
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Absolute path of the file, symbolic links resolved. */
  readonly file: string;
  /** First byte, counted from the start of the file; any alignment. */
  readonly offset: number;
  readonly byteLength: number;
}

/** A tensor stored in a type this package cannot hold, such as 8-bit floats; its bytes can still be read. */
export interface UnsupportedRegion extends Omit<TensorRegion, 'dtype'> {
  /** The type as the file names it, e.g. `F8_E4M3`. */
  readonly storedDtype: string;
}

/** Tensors by name, of one file or of all files of a checkpoint, in the order of their bytes. */
export interface TensorDirectory {
  /** Path of the file or folder, as it was given. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorRegion>;
  /** Tensors of unsupported types; {@link findTensor} and {@link readTensor} refuse them by a clear error. */
  readonly unsupported: ReadonlyMap<string, UnsupportedRegion>;
}

/** An opened file: its header, and where its tensors lie. No file handle is held. */
export interface SafetensorsFile extends TensorDirectory {
  /** The file's `__metadata__`; empty when there is none. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads and validates the header of a `.safetensors` file; reads no tensor.
 *
 * @param options.folder - give it for a file of a folder that a stranger may have filled: a link out of it is refused.
 * @throws SafetensorsError when the file is missing, no regular file, cut short, or violates the format.
 */
export async function openSafetensors(path: string, options: OpenFileOptions = {}): Promise<SafetensorsFile> {
  const opened = await openFile(path, undefined, options);
  const { handle, realPath: file } = opened;
  try {
    const { header, dataStart } = await readHeader(path, opened);
    const { metadata, entries } = header;
    const tensors = new Map<string, TensorRegion>();
    const unsupported = new Map<string, UnsupportedRegion>();
    for (const { name, storedDtype, shape, begin, end } of entries) {
      const place = { name, shape, file, offset: dataStart + begin, byteLength: end - begin };
      const dtype = dataTypeOfStored(storedDtype);
      if (dtype === undefined) unsupported.set(name, { ...place, storedDtype });
      else tensors.set(name, { ...place, dtype });
    }
    return { path, metadata, tensors, unsupported };
  } finally {
    await handle.close();
  }
}

async function readHeader(path: string, { handle, byteLength }: OpenedFile) {
  const first = new Uint8Array(Math.min(byteLength, 64));
  await readFully(handle, path, undefined, first, 0);
  try {
    const length = parseHeaderLength(path, first.subarray(0, lengthFieldBytes), byteLength);
    const bytes = new Uint8Array(length);
    await readFully(handle, path, undefined, bytes, lengthFieldBytes);
    const dataStart = lengthFieldBytes + length;
    return { header: parseHeader(path, bytes, byteLength - dataStart), dataStart };
  } catch (error) {
    const kind = kindOfContent(first);
    if (kind === undefined || !SafetensorsError.isInstance(error)) throw error;
    throw new SafetensorsError(error.problem, path, undefined, `this is no safetensors file but ${kind}`);
  }
}

/**
 * The region of the tensor named `name`.
 *
 * @throws TensorNotFoundError when there is none, UnsupportedDtypeError when its stored type is not supported.
 */
export function findTensor(directory: TensorDirectory, name: string): TensorRegion {
  const region = directory.tensors.get(name);
  if (region !== undefined) return region;
  const unsupported = directory.unsupported.get(name);
  if (unsupported !== undefined)
    throw new UnsupportedDtypeError(unsupported.file, name, unsupported.storedDtype);
  throw new TensorNotFoundError(directory.path, name);
}

/**
 * Reads a tensor into memory: float32 for `float16`, `bfloat16` (widened exactly) and `float32`, else in its own type
 * (`int64` as a BigInt64Array, `bool` as 0 and 1 in a Uint8Array).
 *
 * @throws SafetensorsError when the file vanished or shrank since it was opened, UnsupportedDtypeError.
 */
export async function readTensor(region: TensorRegion | UnsupportedRegion): Promise<HostArray> {
  if ('storedDtype' in region) throw new UnsupportedDtypeError(region.file, region.name, region.storedDtype);
  const { dtype, shape, byteLength } = region;
  if (dtype !== 'float16' && dtype !== 'bfloat16') {
    return hostArray(typedArray(dtype, await readTensorBytes(region)), shape);
  }
  const values = new Float32Array(byteLength / bytesPerElement(dtype));
  let position = 0;
  for await (const chunk of tensorChunks(region)) {
    const halves = new Uint16Array(chunk.buffer, chunk.byteOffset, chunk.byteLength / 2);
    widen(dtype, halves, values.subarray(position, position + halves.length));
    position += halves.length;
  }
  return hostArray(values, shape);
}

/**
 * Reads a tensor's bytes as they are stored, at the start of a buffer of their own.
 *
 * @throws SafetensorsError when the file vanished or shrank since it was opened.
 */
export async function readTensorBytes(
  region: TensorRegion | UnsupportedRegion,
): Promise<Uint8Array<ArrayBuffer>> {
  const { handle, byteLength } = await openFile(region.file, region.name);
  try {
    requireLength(region, byteLength);
    const bytes = new Uint8Array(region.byteLength);
    await readFully(handle, region.file, region.name, bytes, region.offset);
    return bytes;
  } finally {
    await handle.close();
  }
}

/**
 * A tensor's bytes as they are stored, in chunks of `chunkBytes` (the last may be shorter). Every chunk lies in the
 * same buffer and is overwritten by the next.
 *
 * @throws SafetensorsError when the file vanished or shrank since it was opened.
 */
export async function* tensorChunks(
  region: TensorRegion,
  chunkBytes = 8 * 2 ** 20,
): AsyncGenerator<Uint8Array> {
  const { handle, byteLength } = await openFile(region.file, region.name);
  const read = checkedRead(region);
  try {
    requireLength(region, byteLength);
    const buffer = new Uint8Array(Math.min(chunkBytes, region.byteLength));
    for (let done = 0; done < region.byteLength; done += buffer.length) {
      const chunk = buffer.subarray(0, Math.min(buffer.length, region.byteLength - done));
      await readFully(handle, region.file, region.name, chunk, region.offset + done);
      read?.add(chunk);
      yield chunk;
    }
    read?.end();
  } finally {
    await handle.close();
  }
}

async function openFile(path: string, tensor?: string, options?: OpenFileOptions): Promise<OpenedFile> {
  try {
    return await openRegularFile(path, options);
  } catch (cause) {
    if (!FileReadError.isInstance(cause)) throw cause;
    const refused = cause.problem === 'outside' || cause.problem === 'not-a-file';
    throw new SafetensorsError(refused ? 'refused' : 'missing', path, tensor, cause.reason, { cause });
  }
}

/** Checked before memory is taken: the file may be another one by now. */
function requireLength({ file, name, offset, byteLength }: Omit<TensorRegion, 'dtype'>, bytes: number): void {
  const missing = offset + byteLength - bytes;
  if (missing <= 0) return;
  const message = `the file ends at byte ${bytes}, ${missing} bytes short; it changed since it was opened`;
  throw new SafetensorsError('truncated', file, name, message);
}

/** One read moves at most this much: systems bound it near 2 GiB. */
const maximumReadBytes = 2 ** 30;

async function readFully(
  handle: FileHandle,
  path: string,
  tensor: string | undefined,
  target: Uint8Array,
  offset: number,
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const length = Math.min(target.length - done, maximumReadBytes);
    const { bytesRead } = await handle.read(target, done, length, offset + done);
    if (bytesRead === 0) {
      const message = `the file ends at byte ${offset + done}, ${target.length - done} bytes short; it changed since it was opened`;
      throw new SafetensorsError('truncated', path, tensor, message);
    }
    done += bytesRead;
  }
}

function typedArray(
  dtype: Exclude<DataType, 'float16' | 'bfloat16'>,
  { buffer }: Uint8Array<ArrayBuffer>,
): HostData {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'int8':
      return new Int8Array(buffer);
    case 'int16':
      return new Int16Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer);
  }
}
