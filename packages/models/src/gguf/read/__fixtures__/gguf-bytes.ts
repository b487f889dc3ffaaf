/** What a GGUF file made for a test holds; whatever is not given is as it should be. */
export interface GgufContent {
  readonly magic?: string;
  readonly version?: number;
  readonly metadata?: readonly (readonly [key: string, type: number, value: unknown])[];
  readonly tensors?: readonly GgufTensorContent[];
  /** Counts that the header declares. */
  readonly tensorCount?: bigint;
  readonly keyCount?: bigint;
  readonly alignment?: number;
}

export interface GgufTensorContent {
  readonly name: string;
  /** As the file has it: the shortest stride first. */
  readonly extents: readonly (number | bigint)[];
  /** ggml's number. Default F32. */
  readonly type?: number;
  /** Default: behind the tensor before. */
  readonly offset?: bigint;
  readonly data: Uint8Array;
}

export const textType = 8;
export const listType = 9;

/** The bytes of a GGUF file, written without the code under test. */
export function ggufBytes(content: GgufContent): Buffer {
  const { magic = 'GGUF', version = 3, metadata = [], tensors = [], alignment = 32 } = content;
  const parts: Buffer[] = [
    Buffer.from(magic, 'latin1'),
    uint32(version),
    uint64(content.tensorCount ?? BigInt(tensors.length)),
    uint64(content.keyCount ?? BigInt(metadata.length)),
  ];
  for (const [key, type, value] of metadata) parts.push(text(key), uint32(type), valueBytes(type, value));
  let next = 0;
  for (const { name, extents, type = 0, offset, data } of tensors) {
    parts.push(
      text(name),
      uint32(extents.length),
      ...extents.map((extent) => uint64(BigInt(extent))),
      uint32(type),
    );
    parts.push(uint64(offset ?? BigInt(next)));
    next = Math.ceil((next + data.length) / alignment) * alignment;
  }
  const header = Buffer.concat(parts);
  const padding = (length: number) => Buffer.alloc(Math.ceil(length / alignment) * alignment - length);
  const data = tensors.flatMap(({ data }, index) =>
    index === tensors.length - 1 ? [Buffer.from(data)] : [Buffer.from(data), padding(data.length)],
  );
  return Buffer.concat([header, ...(tensors.length === 0 ? [] : [padding(header.length)]), ...data]);
}

/** A list is given as `[type of its elements, elements]`. */
function valueBytes(type: number, value: unknown): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value);
  switch (type) {
    case 0:
      return Buffer.of(value as number);
    case 4:
      return uint32(value as number);
    case 5: {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(value as number);
      return bytes;
    }
    case 6: {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(value as number);
      return bytes;
    }
    case 7:
      return Buffer.of(value ? 1 : 0);
    case textType:
      return text(value as string);
    case listType: {
      const [element, values] = value as [number, readonly unknown[]];
      return Buffer.concat([
        uint32(element),
        uint64(BigInt(values.length)),
        ...values.map((each) => valueBytes(element, each)),
      ]);
    }
    case 10:
      return uint64(value as bigint);
    default:
      throw new Error(`the fixture writes no values of type ${type}`);
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(BigInt(bytes.length)), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

/** Metadata of a byte-level tokenizer: the 256 bytes, a few merges and special tokens. */
export function tinyMetadata(
  changes: Readonly<Record<string, readonly [number, unknown] | null>> = {},
): GgufContent['metadata'] {
  const letters = Array.from({ length: 256 }, (_, byte) => alphabet(byte));
  const tokens = [...letters, 'he', 'll', 'hell', '<|end|>', '<think>', '[PAD261]'];
  const entries: Record<string, readonly [number, unknown] | null> = {
    'general.architecture': [textType, 'llama'],
    'llama.block_count': [4, 1],
    'llama.context_length': [4, 64],
    'llama.embedding_length': [4, 8],
    'llama.feed_forward_length': [4, 16],
    'llama.attention.head_count': [4, 2],
    'llama.attention.head_count_kv': [4, 1],
    'llama.attention.layer_norm_rms_epsilon': [6, 1e-5],
    'tokenizer.ggml.model': [textType, 'gpt2'],
    'tokenizer.ggml.pre': [textType, 'gpt-2'],
    'tokenizer.ggml.tokens': [listType, [textType, tokens]],
    'tokenizer.ggml.token_type': [listType, [5, [...Array(259).fill(1), 3, 4, 5]]],
    'tokenizer.ggml.merges': [listType, [textType, ['h e', 'l l', 'he ll']]],
    'tokenizer.ggml.eos_token_id': [4, 259],
    ...changes,
  };
  return Object.entries(entries).flatMap(([key, entry]) =>
    entry === null ? [] : [[key, ...entry] as const],
  );
}

/** The character by which byte-level tokenizers write a byte. */
function alphabet(byte: number): string {
  const printable = (code: number) =>
    (code >= 0x21 && code <= 0x7e) || (code >= 0xa1 && code <= 0xac) || (code >= 0xae && code <= 0xff);
  if (printable(byte)) return String.fromCharCode(byte);
  const others = Array.from({ length: 256 }, (_, code) => code).filter((code) => !printable(code));
  return String.fromCharCode(256 + others.indexOf(byte));
}

/** What makes {@link tinyMetadata}'s tokenizer one of SentencePiece's kind. */
export const sentencePiece = {
  'tokenizer.ggml.model': [textType, 'llama'],
  'tokenizer.ggml.tokens': [
    listType,
    [textType, ['<unk>', '<s>', '</s>', '\u2581', 'a', 'b', 'ab', '\u2581ab', '<0x0A>']],
  ],
  'tokenizer.ggml.scores': [listType, [6, [0, 0, 0, -3, -4, -5, -1, -2, 0]]],
  'tokenizer.ggml.token_type': [listType, [5, [2, 3, 3, 1, 1, 1, 1, 1, 6]]],
  'tokenizer.ggml.merges': null,
  'tokenizer.ggml.eos_token_id': [4, 2],
} as const;

/** The tensors of {@link tinyMetadata}'s model, of 262 tokens, with values that tell them apart. */
export function tinyTensors(): readonly GgufTensorContent[] {
  const shapes: readonly (readonly [string, ...number[]])[] = [
    ['token_embd.weight', 8, 262],
    ['blk.0.attn_norm.weight', 8],
    ['blk.0.attn_q.weight', 8, 8],
    ['blk.0.attn_k.weight', 8, 4],
    ['blk.0.attn_v.weight', 8, 4],
    ['blk.0.attn_output.weight', 8, 8],
    ['blk.0.ffn_norm.weight', 8],
    ['blk.0.ffn_gate.weight', 8, 16],
    ['blk.0.ffn_up.weight', 8, 16],
    ['blk.0.ffn_down.weight', 16, 8],
    ['output_norm.weight', 8],
  ];
  return shapes.map(([name, ...extents]) => {
    const count = extents.reduce((product, extent) => product * extent, 1);
    const values = Float32Array.from({ length: count }, (_, index) => Math.sin(index + name.length));
    return { name, extents, data: new Uint8Array(values.buffer) };
  });
}

/** Two small files to damage: one with a tokenizer, one with lists of several types and an alignment of its own. */
export function filesToDamage(): Buffer[] {
  const tensors = [{ name: 'blk.0.attn_q.weight', extents: [32, 2], type: 8, data: new Uint8Array(68) }];
  const lists = {
    a: [6, [1, 2, 3]],
    b: [5, [-1]],
    c: [7, [1, 0]],
    d: [10, [2n ** 60n]],
    e: [textType, ['x', 'y']],
  };
  const metadata = Object.entries(lists).map(([key, list]) => [key, listType, list] as const);
  return [
    ggufBytes({ metadata: tinyMetadata(sentencePiece)!, tensors }),
    ggufBytes({ metadata: [['general.alignment', 4, 64], ...metadata], tensors, alignment: 64 }),
  ].map((bytes) => Buffer.from(bytes));
}
