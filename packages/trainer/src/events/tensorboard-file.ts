import { appendFileSync } from 'node:fs';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { FileWriteError } from '@safetune/tensor';
import crc32c from 'crc-32/crc32c.js';

/**
 * A file of TensorBoard's events, written record by record: tensorflow/core/util/event.proto, of which a run needs the version, the
 * beginning of a session and scalars.
 *
 * @throws FileWriteError from every function.
 */
export interface TensorboardFile {
  /** Figures by their name, of one step. */
  writeScalars(step: number, scalars: Readonly<Record<string, number>>): void;
  /** Says that the run is at a step, so that what other files of the folder hold of later ones is not shown. */
  writeStart(step: number): void;
}

/** Begins the file; nothing else may write to it. */
export function createTensorboardFile(file: string): TensorboardFile {
  const append = (event: BinaryWriter) => {
    try {
      appendFileSync(file, record(event.finish()));
    } catch (cause) {
      throw new FileWriteError(file, cause);
    }
  };
  append(newEvent(0).uint32(lengthDelimited(3)).string('brain.Event:2'));
  return {
    writeStart: (step) => append(newEvent(step).uint32(lengthDelimited(7)).bytes(sessionStart)),
    writeScalars: (step, scalars) =>
      append(newEvent(step).uint32(lengthDelimited(5)).bytes(summary(scalars))),
  };
}

/** Tags of protobuf's wire format: the field's number, and how its value is stored. */
const varint = (field: number) => field << 3;
const eightBytes = (field: number) => (field << 3) | 1;
const lengthDelimited = (field: number) => (field << 3) | 2;
const fourBytes = (field: number) => (field << 3) | 5;

/** `SessionLog { status: START }`. */
const sessionStart = new BinaryWriter().uint32(varint(1)).int32(1).finish();

/** `Event`: wall_time in seconds, and the step. */
function newEvent(step: number): BinaryWriter {
  const event = new BinaryWriter().uint32(eightBytes(1)).double(Date.now() / 1000);
  return step === 0 ? event : event.uint32(varint(2)).int64(step);
}

/** `Summary`: a tag and a simple_value each. */
function summary(scalars: Readonly<Record<string, number>>): Uint8Array {
  const writer = new BinaryWriter();
  for (const [tag, value] of Object.entries(scalars)) {
    const entry = new BinaryWriter().uint32(lengthDelimited(1)).string(tag);
    writer.uint32(lengthDelimited(1)).bytes(entry.uint32(fourBytes(2)).float(value).finish());
  }
  return writer.finish();
}

/** `TFRecord`: the length and its checksum, the bytes and theirs; all little-endian. */
function record(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(bytes.length));
  head.writeUInt32LE(maskedChecksum(head.subarray(0, 8)), 8);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(maskedChecksum(bytes));
  return Buffer.concat([head, bytes, tail]);
}

/** A CRC-32C, rotated and shifted, as TFRecord has it. */
function maskedChecksum(bytes: Uint8Array): number {
  const checksum = crc32c.buf(bytes) >>> 0;
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}
