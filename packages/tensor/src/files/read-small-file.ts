import { dirname } from 'node:path';
import { FileReadError } from './errors.ts';
import { kindOfContent } from './file-kind.ts';
import { beyondLimits } from './json-size.ts';
import { openRegularFile } from './open-file.ts';

/** Options of the functions that read a small file whole. */
export interface ReadSmallFileOptions {
  /** Most bytes it may have. Default 16 MB. */
  readonly maximumBytes?: number;
  /**
   * Folder that it must not lie outside of by a link. Default: the one it is in; name the outermost folder for a file
   * in a folder of that.
   */
  readonly folder?: string;
}

/**
 * The bytes of a file of a folder that a stranger may have filled: a regular file, inside the folder, of bounded size.
 *
 * @throws FileReadError
 */
export async function readSmallFile(
  path: string,
  { maximumBytes = 16e6, folder = dirname(path) }: ReadSmallFileOptions = {},
): Promise<Buffer> {
  const { handle, byteLength } = await openRegularFile(path, { folder });
  try {
    if (byteLength > maximumBytes) {
      throw new FileReadError(
        'too-large',
        path,
        `it has ${byteLength} bytes, more than the ${maximumBytes} such a file may have`,
      );
    }
    const bytes = Buffer.alloc(byteLength);
    let filled = 0;
    for (let read = 1; read > 0 && filled < byteLength; filled += read) {
      read = (await handle.read(bytes, filled, byteLength - filled, filled)).bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await handle.close();
  }
}

/**
 * As {@link readSmallFile}, the UTF-8 text.
 *
 * @throws FileReadError
 */
export async function readSmallText(path: string, options?: ReadSmallFileOptions): Promise<string> {
  return textOf(path, await readSmallFile(path, options));
}

/** Deeper than any file of a model or an adapter, and no danger to what walks over the values. */
const jsonLimits = { depth: 64, marks: 8_000_000 };

/**
 * As {@link readSmallFile}, the values of a JSON file. No message repeats what the file holds.
 *
 * @throws FileReadError
 */
export async function readSmallJson(path: string, options?: ReadSmallFileOptions): Promise<unknown> {
  return parseSmallJson(path, await readSmallFile(path, options));
}

/** The values of a JSON file whose bytes are at hand, as {@link readSmallJson} gives them. */
export function parseSmallJson(path: string, bytes: Uint8Array): unknown {
  const beyond = beyondLimits(bytes, jsonLimits);
  if (beyond !== undefined) throw new FileReadError('too-large', path, beyond);
  const text = textOf(path, bytes);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const kind = kindOfContent(bytes);
    throw new FileReadError('json', path, kind === undefined ? jsonFault(error) : `is not JSON but ${kind}`);
  }
}

function textOf(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FileReadError('text', path, `is not text (UTF-8)${butKind(bytes)}`);
  }
}

function butKind(bytes: Uint8Array): string {
  const kind = kindOfContent(bytes);
  return kind === undefined ? '' : ` but ${kind}`;
}

/** Where the parser stopped, without the text there that it quotes. */
function jsonFault(error: unknown): string {
  const place = /at position \d+(?: \(line \d+ column \d+\))?/.exec((error as Error).message)?.[0];
  return place === undefined ? 'is not JSON' : `is not JSON (it goes wrong ${place})`;
}
