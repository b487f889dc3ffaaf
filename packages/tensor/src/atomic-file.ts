import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { printableMessage } from './files/printable.ts';
import { temporaryPath, tidyBeside } from './temporary-path.ts';

const marker = Symbol.for('safetune.FileWriteError');

/** A file that could not be written; what stood at the path before still stands there, whole. */
export class FileWriteError extends Error {
  readonly [marker] = true;
  /** Path that was to be written. */
  readonly path: string;

  constructor(path: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(printableMessage(`${path} could not be written: ${reason}`), { cause });
    this.name = 'FileWriteError';
    this.path = path;
  }

  static isInstance(error: unknown): error is FileWriteError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}

/** Options of {@link AtomicFile.create} and what uses it. */
export interface AtomicFileOptions {
  /** Readable by the user alone. Default false: as the process's mask says. */
  readonly private?: boolean;
}

/**
 * A file that appears at its path whole or not at all. Bytes go to a temporary file beside the target; `commit` brings
 * them to the disk and renames. Readers of the old file keep it. Either `commit` or `discard` must end it.
 *
 * @example
 * const file = await AtomicFile.create('out/answers.csv');
 * try {
 *   for (const line of lines) await file.write(line);
 *   await file.commit();
 * } finally {
 *   await file.discard(); // does nothing after a commit
 * }
 */
export class AtomicFile {
  /** Path at which the file appears on commit. */
  readonly path: string;
  #handle: FileHandle | undefined;
  readonly #temporary: string;

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /**
   * Opens a temporary file beside `path`, whose folder must exist; what killed processes left there is cleared away.
   *
   * @throws FileWriteError
   */
  static async create(path: string, options: AtomicFileOptions = {}): Promise<AtomicFile> {
    await tidyBeside(path);
    const temporary = temporaryPath(path);
    const mode = options.private === true ? 0o600 : 0o666;
    return attempt(path, async () => new AtomicFile(path, temporary, await open(temporary, 'wx', mode)));
  }

  /**
   * Appends text (as UTF-8) or bytes.
   *
   * @throws FileWriteError
   */
  async write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    await attempt(this.path, async () => {
      for (let written = 0; written < bytes.length; ) {
        const length = Math.min(bytes.length - written, maximumWriteBytes);
        written += (await this.#open().write(bytes, written, length)).bytesWritten;
      }
    });
  }

  /**
   * Makes the file appear at its path, replacing what was there.
   *
   * @throws FileWriteError
   */
  async commit(): Promise<void> {
    await attempt(this.path, async () => {
      const handle = this.#open();
      await handle.sync();
      this.#handle = undefined;
      try {
        await handle.close();
        await rename(this.#temporary, this.path);
      } catch (error) {
        await rm(this.#temporary, { force: true });
        throw error;
      }
      await syncDirectory(dirname(this.path));
    });
  }

  /** Drops the file and leaves the path as it was. Does nothing once committed or discarded. */
  async discard(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) return;
    await handle.close();
    await rm(this.#temporary, { force: true });
  }

  #open(): FileHandle {
    if (this.#handle === undefined) throw new Error('it is already committed or discarded');
    return this.#handle;
  }
}

/** Content of a file: text (UTF-8), bytes, or chunks of either, written as they come. */
export type FileContent =
  | string
  | Uint8Array
  | Iterable<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>;

/**
 * Writes a file whole or not at all. When the source of chunks throws, its error is passed on and nothing is written.
 *
 * @throws FileWriteError
 */
export async function writeFileAtomically(
  path: string,
  content: FileContent,
  options?: AtomicFileOptions,
): Promise<void> {
  const file = await stageFile(path, content, options);
  try {
    await file.commit();
  } finally {
    await file.discard();
  }
}

/**
 * Writes the content but leaves `commit` (or `discard`) to the caller, so that several files can be written first and
 * appear together. When the source of chunks throws, its error is passed on and nothing stays behind.
 *
 * @throws FileWriteError
 */
export async function stageFile(
  path: string,
  content: FileContent,
  options?: AtomicFileOptions,
): Promise<AtomicFile> {
  const file = await AtomicFile.create(path, options);
  try {
    if (typeof content === 'string' || content instanceof Uint8Array) await file.write(content);
    else for await (const chunk of content) await file.write(chunk);
    return file;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** Linux moves at most about 2 GiB in one write. */
const maximumWriteBytes = 2 ** 30;

async function attempt<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    throw new FileWriteError(path, cause);
  }
}

/** Brings the rename itself to the disk, on systems that let a folder be opened; elsewhere there is no such call. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
