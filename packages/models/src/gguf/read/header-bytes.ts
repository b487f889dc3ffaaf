import { GgufError } from '../../errors.ts';

/** Thrown where the bytes at hand end: more of the file must be read. No error: it never leaves this room. */
export class MoreBytesNeeded {
  /** Bytes from the start of the file that are needed at least. */
  readonly end: number;

  constructor(end: number) {
    this.end = end;
  }
}

/** Reads the header of a GGUF file front to back, from the part of it that is in memory. Little-endian. */
export class HeaderBytes {
  readonly file: string;
  readonly #bytes: Buffer;
  readonly #fileBytes: number;
  #position = 0;

  /**
   * @param bytes the beginning of the file
   * @param fileBytes length of all of it
   */
  constructor(file: string, bytes: Buffer, fileBytes: number) {
    this.file = file;
    this.#bytes = bytes;
    this.#fileBytes = fileBytes;
  }

  get position(): number {
    return this.#position;
  }

  /** @throws GgufError (`truncated`) when the file is too short to hold `bytes` more: asked before memory is taken for them. */
  requireInFile(bytes: number | bigint, what: string): void {
    const left = this.#fileBytes - this.#position;
    if (bytes <= left) return;
    const message = `the file ends at byte ${this.#fileBytes}, within ${what}; it was cut short: fetch it again`;
    throw new GgufError('truncated', this.file, undefined, message);
  }

  /** The next `length` bytes, as a view. */
  take(length: number, what: string): Buffer {
    this.requireInFile(length, what);
    const end = this.#position + length;
    if (end > this.#bytes.length) throw new MoreBytesNeeded(end);
    const taken = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }

  uint32(what: string): number {
    return this.take(4, what).readUInt32LE(0);
  }

  uint64(what: string): bigint {
    return this.take(8, what).readBigUInt64LE(0);
  }

  /** A length or a number of things. @throws GgufError (`limit`) when it is larger than `most`. */
  count(most: number, what: string, unit = ''): number {
    const bytes = this.take(8, what);
    const count = bytes.readUInt32LE(0) + bytes.readUInt32LE(4) * 2 ** 32;
    if (count > most) {
      const message = `declares ${count} ${unit}${what}; no model has more than ${most}: it is damaged, or no GGUF file`;
      throw new GgufError('limit', this.file, undefined, message);
    }
    return count;
  }

  /** @throws GgufError (`text`) for what is not UTF-8. */
  text(most: number, what: string): string {
    const bytes = this.take(this.count(most, what, 'bytes of '), what);
    const text = bytes.toString('utf8');
    // It stands for what is not UTF-8, or for itself; the exact look takes longer.
    if (!text.includes('\ufffd')) return text;
    try {
      return utf8.decode(bytes);
    } catch {
      throw new GgufError('text', this.file, undefined, `${what} before byte ${this.#position} is not UTF-8`);
    }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
