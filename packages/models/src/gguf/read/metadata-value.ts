import { GgufError } from '../../errors.ts';
import type { HeaderBytes } from './header-bytes.ts';

/** A metadata value. 64-bit integers that a double cannot hold stay bigints; lists of them are of bigints. */
export type MetadataValue =
  | number
  | bigint
  | boolean
  | string
  | readonly string[]
  | NumberList
  | readonly boolean[];

/** A list of numbers, in memory as the file has it. */
export type NumberList =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** The numbers of the format's types of values. */
const types = { float32: 6, bool: 7, text: 8, list: 9 };

/** How numbers of a type are read, by the format's number of the type. */
const numbers: ReadonlyMap<
  number,
  { readonly list: new (buffer: ArrayBuffer) => NumberList; readonly bytes: number }
> = new Map([
  [0, { list: Uint8Array, bytes: 1 }],
  [1, { list: Int8Array, bytes: 1 }],
  [2, { list: Uint16Array, bytes: 2 }],
  [3, { list: Int16Array, bytes: 2 }],
  [4, { list: Uint32Array, bytes: 4 }],
  [5, { list: Int32Array, bytes: 4 }],
  [6, { list: Float32Array, bytes: 4 }],
  [10, { list: BigUint64Array, bytes: 8 }],
  [11, { list: BigInt64Array, bytes: 8 }],
  [12, { list: Float64Array, bytes: 8 }],
]);

/** Vocabularies and merges have up to 500,000 entries. */
const mostTexts = 2 ** 22;
/** The longest texts are chat templates and licences. */
const longestText = 16e6;

/** @throws GgufError */
export function readMetadataValue(reader: HeaderBytes, key: string): MetadataValue {
  const type = reader.uint32('a metadata type');
  if (type !== types.list) return readScalar(reader, key, type);
  const element = reader.uint32('a metadata type');
  const count = reader.count(Number.MAX_SAFE_INTEGER, `elements of '${key}'`);
  if (element === types.text) return readTexts(reader, key, count);
  if (element === types.bool)
    return Array.from(takeList(reader, key, count, 1), (byte) => toBoolean(reader, key, byte));
  const numeric = numbers.get(element);
  // llama.cpp has no lists of lists either.
  if (numeric === undefined) throw unknownType(reader, key, `a list of type ${element}`);
  const bytes = takeList(reader, key, count, numeric.bytes);
  // A copy, for alignment, and so that the rest of the header is not held by it.
  return new numeric.list(Uint8Array.from(bytes).buffer);
}

function readScalar(reader: HeaderBytes, key: string, type: number): MetadataValue {
  if (type === types.text) return reader.text(longestText, `the text of '${key}'`);
  if (type === types.bool) return toBoolean(reader, key, reader.take(1, 'metadata')[0]!);
  const numeric = numbers.get(type);
  if (numeric === undefined) throw unknownType(reader, key, `of type ${type}`);
  const bytes = Uint8Array.from(reader.take(numeric.bytes, 'metadata'));
  const [value] = new numeric.list(bytes.buffer);
  if (type === types.float32) return shortestDecimal(value as number);
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value!;
}

function readTexts(reader: HeaderBytes, key: string, count: number): readonly string[] {
  if (count > mostTexts) {
    throw new GgufError('limit', reader.file, key, `has ${count} texts; at most ${mostTexts} are read`);
  }
  reader.requireInFile(count * 8, `'${key}'`);
  const texts: string[] = [];
  const what = `a text of '${key}'`;
  for (let index = 0; index < count; index++) texts.push(reader.text(longestText, what));
  return texts;
}

function takeList(reader: HeaderBytes, key: string, count: number, elementBytes: number): Uint8Array {
  reader.requireInFile(BigInt(count) * BigInt(elementBytes), `'${key}'`);
  return reader.take(count * elementBytes, `'${key}'`);
}

function toBoolean({ file }: HeaderBytes, key: string, byte: number): boolean {
  if (byte <= 1) return byte === 1;
  throw new GgufError('value', file, key, `holds ${byte} where 0 or 1 stands for a boolean`);
}

function unknownType({ file }: HeaderBytes, key: string, what: string): GgufError {
  return new GgufError('value', file, key, `is ${what}, which the format does not have`);
}

/** The number that was written before it became a float32: 1e-5, not 9.999999747378752e-6. */
function shortestDecimal(value: number): number {
  if (!Number.isFinite(value)) return value;
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
