import { bytesPerElement, type DataType } from '../dtype.ts';
import { beyondLimits } from '../files/json-size.ts';
import { printable } from '../files/printable.ts';
import { SafetensorsError, type SafetensorsProblem } from './errors.ts';

/**
 * The header of a `.safetensors` file (https://github.com/huggingface/safetensors, "Format"): 8 bytes of little-endian
 * length, then JSON `{name: {dtype, shape, data_offsets: [begin, end]}}` padded with spaces, then the tensors' bytes.
 * Checked as strictly as the reference implementation does: every byte of the data belongs to exactly one tensor.
 */

/** Bytes of the length field that precedes the header. */
export const lengthFieldBytes = 8;

/** The reference implementation's bound on the header, against files made to exhaust memory. */
const maximumHeaderBytes = 100_000_000;

/** Levels of a header, and room for a quarter of a million tensors of one file: no model has as many in all of its. */
const headerLimits = { depth: 3, marks: 4_000_000 };

/** As many as PyTorch allows; what describes a view of more takes time and memory by the square of their number. */
const mostDimensions = 64;

/** A tensor as the header describes it; `begin` and `end` count from the end of the header. */
export interface HeaderEntry {
  readonly name: string;
  /** The type as the file names it, e.g. `BF16`. */
  readonly storedDtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A parsed header: the tensors in the order of their bytes, and the file's own string metadata. */
export interface Header {
  readonly metadata: Readonly<Record<string, string>>;
  readonly entries: readonly HeaderEntry[];
}

/**
 * Stored type names, in the reference implementation's order: it lays tensors out by this order, last first, so that
 * the types of widest alignment come first.
 */
const storedDtypes: ReadonlyMap<string, { readonly bits: number; readonly dtype?: DataType }> = new Map([
  ['BOOL', { bits: 8, dtype: 'bool' }],
  ['F4', { bits: 4 }],
  ['F6_E2M3', { bits: 6 }],
  ['F6_E3M2', { bits: 6 }],
  ['U8', { bits: 8, dtype: 'uint8' }],
  ['I8', { bits: 8, dtype: 'int8' }],
  ['F8_E5M2', { bits: 8 }],
  ['F8_E4M3', { bits: 8 }],
  ['F8_E8M0', { bits: 8 }],
  ['F8_E4M3FNUZ', { bits: 8 }],
  ['F8_E5M2FNUZ', { bits: 8 }],
  ['I16', { bits: 16, dtype: 'int16' }],
  ['U16', { bits: 16 }],
  ['F16', { bits: 16, dtype: 'float16' }],
  ['BF16', { bits: 16, dtype: 'bfloat16' }],
  ['I32', { bits: 32, dtype: 'int32' }],
  ['U32', { bits: 32 }],
  ['F32', { bits: 32, dtype: 'float32' }],
  ['C64', { bits: 64 }],
  ['F64', { bits: 64, dtype: 'float64' }],
  ['I64', { bits: 64, dtype: 'int64' }],
  ['U64', { bits: 64 }],
] as const);

const storedRank = new Map([...storedDtypes.keys()].map((name, rank) => [name, rank]));
const storedName = new Map(
  [...storedDtypes].flatMap(([name, { dtype }]) => (dtype ? [[dtype, name]] : [])) as [DataType, string][],
);

/** The element type behind a stored name, or undefined when this package cannot hold it. */
export function dataTypeOfStored(storedDtype: string): DataType | undefined {
  return storedDtypes.get(storedDtype)?.dtype;
}

/**
 * Length of the header in bytes, from a file's first 8 bytes.
 *
 * @throws SafetensorsError when the file is too short to hold it, or it is longer than the format allows.
 */
export function parseHeaderLength(file: string, lengthField: Uint8Array, fileBytes: number): number {
  if (lengthField.length < lengthFieldBytes) {
    const found = `the file has ${fileBytes} bytes, fewer than the 8 of the header's length`;
    throw new SafetensorsError(
      'truncated',
      file,
      undefined,
      `${found}; it is truncated or no safetensors file`,
    );
  }
  const view = new DataView(lengthField.buffer, lengthField.byteOffset, lengthFieldBytes);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(Math.min(fileBytes - lengthFieldBytes, maximumHeaderBytes))) {
    const message =
      length > BigInt(maximumHeaderBytes)
        ? `the header is declared as ${length} bytes, more than the ${maximumHeaderBytes} the format allows; this is no safetensors file`
        : `the header is declared as ${length} bytes but the file has ${fileBytes}; it is truncated or no safetensors file`;
    throw new SafetensorsError('header-length', file, undefined, message);
  }
  return Number(length);
}

/**
 * Parses and validates the header.
 *
 * @param dataBytes - length of the file after the header.
 * @throws SafetensorsError naming the file, the tensor and the problem.
 */
export function parseHeader(file: string, header: Uint8Array, dataBytes: number): Header {
  const { __metadata__: metadata, ...tensors } = parseObject(file, header);
  const entries = Object.entries(tensors).map(([name, entry]) => parseEntry(file, name, entry, dataBytes));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  let previous: HeaderEntry | undefined;
  for (const entry of entries) {
    if (entry.begin < covered) {
      fail(
        'overlap',
        file,
        entry.name,
        `its bytes ${span(entry)} overlap ${span(previous!)} of '${printable(previous!.name)}'`,
      );
    }
    if (entry.begin > covered) {
      fail('gap', file, entry.name, `its bytes ${span(entry)} leave a gap after byte ${covered} of the data`);
    }
    covered = entry.end;
    previous = entry;
  }
  if (covered < dataBytes) {
    fail('gap', file, undefined, `${dataBytes - covered} bytes after the last tensor belong to none`);
  }
  return { metadata: parseMetadata(file, metadata), entries };
}

function fail(problem: SafetensorsProblem, file: string, tensor: string | undefined, message: string): never {
  throw new SafetensorsError(problem, file, tensor, message);
}

const openingBrace = 0x7b;

function parseObject(file: string, header: Uint8Array): Record<string, unknown> {
  if (header[0] !== openingBrace) fail('header-json', file, undefined, 'the header is not a JSON object');
  const beyond = beyondLimits(header, headerLimits);
  if (beyond !== undefined) fail('header-size', file, undefined, `the header is refused: ${beyond}`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return fail('header-json', file, undefined, 'the header is not UTF-8 JSON');
  }
}

function parseMetadata(file: string, metadata: unknown): Record<string, string> {
  if (metadata === undefined || metadata === null) return {};
  if (isObject(metadata) && Object.values(metadata).every((value) => typeof value === 'string')) {
    return metadata as Record<string, string>;
  }
  return fail('metadata', file, undefined, '__metadata__ is not an object of strings');
}

function parseEntry(file: string, name: string, entry: unknown, dataBytes: number): HeaderEntry {
  const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
  if (typeof dtype !== 'string') fail('entry', file, name, 'its dtype is not a string');
  if (!isCounts(shape)) fail('entry', file, name, 'its shape is not a list of non-negative integers');
  if (shape.length > mostDimensions) {
    fail(
      'entry',
      file,
      name,
      `its shape has ${shape.length} dimensions; a tensor has ${mostDimensions} at most`,
    );
  }
  if (!isCounts(offsets) || offsets.length !== 2) {
    fail('entry', file, name, 'its data_offsets are not two non-negative integers');
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) fail('reversed', file, name, `its data begin at ${begin}, after their end at ${end}`);
  const expected = storedBytes(dtype, shape);
  if (expected !== undefined && end - begin !== expected) {
    const described = `${printable(dtype)} of shape [${shape.slice(0, 16).join(', ')}] takes ${expected} bytes`;
    fail('byte-length', file, name, `${described} but its offsets [${begin}, ${end}] hold ${end - begin}`);
  }
  if (end > dataBytes) {
    const message = `its data end at byte ${end} but the file holds ${dataBytes} bytes of data; the file is truncated (fetch it again)`;
    fail('truncated', file, name, message);
  }
  return { name, storedDtype: dtype, shape, begin, end };
}

/** Bytes a tensor takes: NaN when no whole number of bytes fits, undefined for a type the format does not know. */
function storedBytes(storedDtype: string, shape: readonly number[]): number | undefined {
  const bits = storedDtypes.get(storedDtype)?.bits;
  if (bits === undefined) return undefined;
  const bytes = (shape.reduce((product, dimension) => product * dimension, 1) * bits) / 8;
  return Number.isSafeInteger(bytes) ? bytes : Number.NaN;
}

function span({ begin, end }: HeaderEntry): string {
  return `[${begin}, ${end})`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** What a header needs to know of a tensor to be written. */
export interface TensorDescription {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/** Bytes of the tensor's data in a file. */
export function tensorBytes({ dtype, shape }: TensorDescription): number {
  return shape.reduce((product, dimension) => product * dimension, bytesPerElement(dtype));
}

/** The reference implementation's order of tensors in a file: type of widest alignment first, then name by UTF-8 bytes. */
export function compareTensors(a: TensorDescription, b: TensorDescription): number {
  const [rankA, rankB] = [a, b].map(({ dtype }) => storedRank.get(storedName.get(dtype)!)!) as [
    number,
    number,
  ];
  return rankB - rankA || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
}

/**
 * The length field and header of a file that holds `tensors` in the given order, one right after the other. The header
 * is padded with spaces to a multiple of 8 bytes; metadata keys are sorted, so equal content gives equal bytes.
 */
export function encodeHeader(
  tensors: readonly TensorDescription[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const members: string[] = [];
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (pairs.length > 0) {
    members.push(
      `"__metadata__":{${pairs.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`).join()}}`,
    );
  }
  let offset = 0;
  for (const tensor of tensors) {
    const end = offset + tensorBytes(tensor);
    const entry = { dtype: storedName.get(tensor.dtype)!, shape: tensor.shape, data_offsets: [offset, end] };
    members.push(`${JSON.stringify(tensor.name)}:${JSON.stringify(entry)}`);
    offset = end;
  }
  const json = Buffer.from(`{${members.join()}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(lengthFieldBytes + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded));
  json.copy(header, lengthFieldBytes);
  return header;
}
