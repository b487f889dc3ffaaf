import type { Hash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { adoptAbandonedTemporary, temporaryPath } from '@safetune/tensor';
import { hashOf } from './file-hash.ts';
import type { HubFile } from './repository-files.ts';

/**
 * The part of a file that has come so far, beside the place where it will stand. Each process writes to a file of its own;
 * what was left when a process was killed, or gave up, is gone on with by the next one.
 */
export class PartialFile {
  /** Bytes that are there. */
  length = 0;
  /** Whether a part of it came in an earlier try, and may have been damaged since. */
  isContinued = false;
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: HubFile;
  readonly #handle: FileHandle;
  #hash: Hash;

  private constructor(path: string, temporary: string, handle: FileHandle, file: HubFile) {
    this.#path = path;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#file = file;
    this.#hash = hashOf(file);
  }

  /** @param path - where the whole file will stand; its folder must exist. */
  static async open(path: string, file: HubFile): Promise<PartialFile> {
    const left = (await adoptAbandonedTemporary(path)) ?? (await adoptGivenUp(path));
    const temporary = left ?? temporaryPath(path);
    const handle = await open(temporary, left === undefined ? 'wx+' : 'r+');
    const partial = new PartialFile(path, temporary, handle, file);
    if (left !== undefined) await partial.#readWhatIsThere();
    return partial;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        written,
        bytes.length - written,
        this.length + written,
      );
      written += bytesWritten;
    }
    this.#hash.update(bytes);
    this.length += bytes.length;
  }

  /** Begins again with nothing. */
  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.length = 0;
    this.isContinued = false;
    this.#hash = hashOf(this.#file);
  }

  /** Whether the bytes are those of the file. */
  isRight(): boolean {
    return this.length === this.#file.size && this.#hash.copy().digest('hex') === this.#file.hash.digest;
  }

  /** Makes the file appear at its place. */
  async commit(): Promise<void> {
    await this.#handle.sync();
    await this.#handle.close();
    await rename(this.#temporary, this.#path);
  }

  /** Leaves it for the next try. */
  async giveUp(): Promise<void> {
    if (this.length === 0) return this.discard();
    await this.#handle.close();
    await rename(this.#temporary, givenUp(this.#path));
  }

  async discard(): Promise<void> {
    await this.#handle.close();
    await rm(this.#temporary, { force: true });
  }

  async #readWhatIsThere(): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size > this.#file.size) return this.restart();
    const buffer = Buffer.allocUnsafe(2 ** 20);
    while (this.length < size) {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.length);
      if (bytesRead === 0) break;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.length += bytesRead;
    }
    this.isContinued = this.length > 0;
  }
}

/** Of one that gave up while its process went on. */
function givenUp(path: string): string {
  return `${path}.safetune.incomplete`;
}

/** Taken by renaming it, which only one of several processes can. */
async function adoptGivenUp(path: string): Promise<string | undefined> {
  const own = temporaryPath(path);
  return rename(givenUp(path), own).then(
    () => own,
    () => undefined,
  );
}
