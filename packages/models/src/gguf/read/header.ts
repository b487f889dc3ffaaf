import { GgufError } from '../../errors.ts';
import { HeaderBytes } from './header-bytes.ts';
import { type MetadataValue, readMetadataValue } from './metadata-value.ts';
import { type TensorType, tensorTypes } from './tensor-types.ts';

/**
 * The header of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): magic, version, counts, metadata,
 * then name, shape, type and offset of each tensor; the data follow, aligned. Checked as strictly as llama.cpp does
 * (`gguf.cpp`), and bounded, before memory is taken.
 *
 * Why not `@huggingface/gguf`: it opens a path by itself, anew for each part (pipes, links, files that change meanwhile), pads
 * a file that was cut short with zeros and goes on, replaces bytes that are not UTF-8, overwrites duplicate keys, and does
 * not look at where tensors lie.
 */
export interface Header {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  /** In the order of their bytes. */
  readonly tensors: readonly HeaderTensor[];
}

/** A tensor as the header describes it. */
export interface HeaderTensor {
  readonly name: string;
  /** As PyTorch says it, the longest stride first: the file has it in reverse. */
  readonly shape: readonly number[];
  readonly type: TensorType;
  /** First byte, counted from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

/** The largest models have some thousand tensors and a hundred keys. llama.cpp bounds names at 64 bytes, the format at 65,535. */
const limits = { tensors: 100_000, keys: 10_000, keyBytes: 65_535, nameBytes: 1024, dimensions: 4 };
const [defaultAlignment, largestAlignment] = [32, 2 ** 20];

/**
 * @param bytes the beginning of the file
 * @param fileBytes length of all of it
 * @throws GgufError, and MoreBytesNeeded when the header is longer than `bytes`.
 */
export function parseHeader(file: string, bytes: Buffer, fileBytes: number): Header {
  const reader = new HeaderBytes(file, bytes, fileBytes);
  requireMagic(file, reader);
  // A tensor takes 32 bytes of the header at least, a key 13.
  const tensorCount = reader.count(limits.tensors, 'tensors');
  const keyCount = reader.count(limits.keys, 'metadata keys');
  reader.requireInFile(tensorCount * 32 + keyCount * 13, 'its header');
  const metadata = new Map<string, MetadataValue>();
  for (let index = 0; index < keyCount; index++) {
    const key = reader.text(limits.keyBytes, 'a metadata key');
    if (metadata.has(key)) throw new GgufError('duplicate', file, key, 'stands in the metadata twice');
    metadata.set(key, readMetadataValue(reader, key));
  }
  const described = Array.from({ length: tensorCount }, () => describeTensor(reader));
  const alignment = alignmentOf(file, metadata);
  const dataStart = aligned(reader.position, alignment);
  const tensors = described
    .map(({ begin, ...tensor }) => ({ ...tensor, offset: dataStart + begin }))
    .sort((one, other) => one.offset - other.offset);
  checkNames(file, tensors);
  checkPlaces(file, tensors, { dataStart, alignment, fileBytes });
  return { metadata, tensors };
}

function requireMagic(file: string, reader: HeaderBytes): void {
  const magic = reader.take(4, 'its first four bytes').toString('latin1');
  if (magic !== 'GGUF')
    throw new GgufError('magic', file, undefined, "this is no GGUF file: it does not begin with 'GGUF'");
  const version = reader.uint32('its version');
  if (version === 2 || version === 3) return;
  // Versions are small: in the other byte order they are large.
  const message =
    (version & 0xffff) === 0
      ? 'is in big-endian byte order, for other processors; get the little-endian file'
      : `is a GGUF file of version ${version}; 2 and 3 are read: convert it again with a present llama.cpp`;
  throw new GgufError('version', file, undefined, message);
}

function describeTensor(reader: HeaderBytes): Omit<HeaderTensor, 'offset'> & { readonly begin: number } {
  const { file } = reader;
  const name = reader.text(limits.nameBytes, "a tensor's name");
  const dimensions = reader.uint32('a shape');
  if (dimensions === 0 || dimensions > limits.dimensions) {
    throw new GgufError(
      'shape',
      file,
      name,
      `has ${dimensions} dimensions; 1 to ${limits.dimensions} are possible`,
    );
  }
  const extents = Array.from({ length: dimensions }, () => reader.uint64('a shape'));
  const elements = extents.reduce((product, extent) => product * extent, 1n);
  if (elements === 0n || elements > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new GgufError('shape', file, name, `is said to be [${extents.toReversed()}], which cannot be`);
  }
  const number = reader.uint32('a type');
  const type = tensorTypes.get(number);
  if (type === undefined) {
    throw new GgufError(
      'type',
      file,
      name,
      `is of type ${number}, which is not known; it may be newer than this package`,
    );
  }
  const shape = extents.map(Number).reverse();
  if (shape.at(-1)! % type.blockSize !== 0) {
    throw new GgufError(
      'shape',
      file,
      name,
      `has rows of ${shape.at(-1)}, ${type.name} stores blocks of ${type.blockSize}`,
    );
  }
  const begin = reader.uint64('an offset');
  if (begin > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new GgufError(
      'truncated',
      file,
      name,
      `begins at byte ${begin} of the data, behind the end of the file`,
    );
  }
  const byteLength = (Number(elements) / type.blockSize) * type.blockBytes;
  return { name, shape, type, begin: Number(begin), byteLength };
}

function alignmentOf(file: string, metadata: Header['metadata']): number {
  const alignment = metadata.get('general.alignment') ?? defaultAlignment;
  const valid =
    typeof alignment === 'number' &&
    alignment >= 1 &&
    alignment <= largestAlignment &&
    Number.isInteger(Math.log2(alignment));
  if (valid) return alignment;
  throw new GgufError(
    'metadata',
    file,
    'general.alignment',
    `must be a power of two up to ${largestAlignment}`,
  );
}

function checkNames(file: string, tensors: readonly HeaderTensor[]): void {
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (names.has(name)) throw new GgufError('duplicate', file, name, 'is the name of two tensors');
    names.add(name);
  }
}

/** Every tensor begins where the one before it ends, aligned, and ends within the file. */
function checkPlaces(
  file: string,
  tensors: readonly HeaderTensor[],
  { dataStart, alignment, fileBytes }: { dataStart: number; alignment: number; fileBytes: number },
): void {
  let [end, expected] = [dataStart, dataStart];
  for (const { name, offset, byteLength } of tensors) {
    if (offset < end)
      throw new GgufError('overlap', file, name, `begins at byte ${offset}, inside the tensor before it`);
    if (offset !== expected) {
      throw new GgufError(
        'offset',
        file,
        name,
        `begins at byte ${offset}; after the tensor before it comes byte ${expected}`,
      );
    }
    end = offset + byteLength;
    expected = aligned(end, alignment);
    if (end > fileBytes) {
      const message = `ends at byte ${end}, the file has ${fileBytes}; it was cut short: fetch it again`;
      throw new GgufError('truncated', file, name, message);
    }
  }
}

function aligned(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}
