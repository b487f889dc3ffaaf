import type { FileHandle } from 'node:fs/promises';
import { FileReadError, type OpenedFile, openRegularFile } from '@safetune/tensor';
import { GgufError } from '../../errors.ts';
import { type Header, type HeaderTensor, parseHeader } from './header.ts';
import { MoreBytesNeeded } from './header-bytes.ts';
import { Metadata } from './metadata.ts';

/** An opened GGUF file: its metadata, and where its tensors lie. No file handle is held. */
export interface GgufFile {
  /** Path as it was given. */
  readonly path: string;
  readonly metadata: Metadata;
  /** By name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

export interface GgufTensor extends HeaderTensor {
  /** The file that it lies in: absolute path, symbolic links resolved. */
  readonly file: string;
}

/** Headers of the largest vocabularies take 15 MB. */
const maximumHeaderBytes = 128 * 2 ** 20;
const firstRead = 2 ** 20;

/**
 * Reads and checks the header of a GGUF file; reads no tensor.
 *
 * @throws GgufError
 */
export async function readGguf(path: string): Promise<GgufFile> {
  const opened = await openFile(path);
  try {
    const { metadata, tensors } = await readHeader(path, opened);
    return {
      path,
      metadata: new Metadata(path, metadata),
      tensors: new Map(tensors.map((tensor) => [tensor.name, { ...tensor, file: opened.realPath }])),
    };
  } finally {
    await opened.handle.close();
  }
}

async function openFile(path: string): Promise<OpenedFile> {
  try {
    return await openRegularFile(path);
  } catch (cause) {
    if (!FileReadError.isInstance(cause)) throw cause;
    const problem = cause.problem === 'not-a-file' ? 'refused' : 'missing';
    throw new GgufError(problem, path, undefined, cause.reason, { cause });
  }
}

/** How long the header is shows while it is read: it is read anew from four times as many bytes where they do not suffice. */
async function readHeader(path: string, { handle, byteLength }: OpenedFile): Promise<Header> {
  const most = Math.min(byteLength, maximumHeaderBytes);
  for (let length = Math.min(firstRead, most); ; ) {
    const bytes = await readBeginning(handle, length);
    try {
      return parseHeader(path, bytes, bytes.length < length ? bytes.length : byteLength);
    } catch (reason) {
      if (!(reason instanceof MoreBytesNeeded)) throw reason;
      if (reason.end > most) {
        const message = `its header is longer than ${maximumHeaderBytes} bytes, which that of no model is`;
        throw new GgufError('limit', path, undefined, message);
      }
      length = Math.min(most, Math.max(reason.end, 4 * length));
    }
  }
}

async function readBeginning(handle: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  for (let read = 1; read > 0 && filled < length; filled += read) {
    read = (await handle.read(bytes, filled, length - filled, filled)).bytesRead;
  }
  return bytes.subarray(0, filled);
}
