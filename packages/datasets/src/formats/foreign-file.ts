/** What a file is that holds no rows, and what to do. */
interface ForeignFormat {
  readonly what: string;
  readonly advice: string;
}

const unpack = 'Unpack it first and give the file inside';
const convert = 'Convert it to JSON lines, one chat a line';

const magicBytes: readonly (readonly [bytes: string, format: ForeignFormat])[] = [
  ['PARE', { what: 'an encrypted Parquet file', advice: convert }],
  [
    'GGUF',
    { what: 'a GGUF model file', advice: 'Give a data file; a model is given as its Hugging Face folder' },
  ],
  ['PK\x03\x04', { what: 'a ZIP archive', advice: unpack }],
  ['PK\x05\x06', { what: 'an empty ZIP archive', advice: unpack }],
  ['BZh', { what: 'compressed by bzip2', advice: 'Unpack it first (bunzip2)' }],
  ['\xfd7zXZ\x00', { what: 'compressed by xz', advice: 'Unpack it first (unxz)' }],
  ['7z\xbc\xaf\x27\x1c', { what: 'a 7z archive', advice: unpack }],
  [
    'ARROW1',
    {
      what: 'an Arrow file',
      advice: `${convert}; in Python: datasets.Dataset.from_file("...").to_json("chats.jsonl")`,
    },
  ],
  [
    '\xff\xff\xff\xff',
    {
      what: 'an Arrow stream',
      advice: `${convert}; in Python: datasets.Dataset.from_file("...").to_json("chats.jsonl")`,
    },
  ],
  ['SQLite format 3\x00', { what: 'an SQLite database', advice: convert }],
  ['Obj\x01', { what: 'an Avro file', advice: convert }],
  ['\x89HDF\r\n', { what: 'an HDF5 file', advice: convert }],
  [
    '\x93NUMPY',
    { what: 'a NumPy array', advice: 'Give a file of chats; tokens made elsewhere are not read' },
  ],
  ['%PDF-', { what: 'a PDF document', advice: convert }],
  ['\x89PNG', { what: 'a picture', advice: 'Give a file of chats' }],
  ['\xff\xd8\xff', { what: 'a picture', advice: 'Give a file of chats' }],
  ['\x7fELF', { what: 'a program', advice: 'Give a file of chats' }],
  ['\xff\xfe', { what: 'text in UTF-16', advice: 'Save it as UTF-8' }],
  ['\xfe\xff', { what: 'text in UTF-16', advice: 'Save it as UTF-8' }],
  [
    'version https://git-lfs',
    {
      what: 'a Git LFS pointer, which only names the real file',
      advice: 'Fetch the file itself (git lfs pull), or download it from the hub',
    },
  ],
];

/**
 * What a file is whose first bytes show that it holds no rows, and what to do about it; undefined for a file that may hold
 * them. At most the first 4096 bytes are looked at.
 */
export function foreignFormat(head: Uint8Array): string | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 4096));
  const text = bytes.toString('latin1');
  const magic = magicBytes.find(([beginning]) => text.startsWith(beginning));
  const format =
    magic?.[1] ?? binaryFormat(bytes, text) ?? webPage(text.replace(/^\xef\xbb\xbf/, '').trimStart());
  return format && `this is ${format.what}, which is not read. ${format.advice}.`;
}

function binaryFormat(bytes: Buffer, text: string): ForeignFormat | undefined {
  if (text.startsWith('ustar', 257)) return { what: 'a tar archive', advice: unpack };
  // The length of the header in 8 bytes, then the header, which is JSON.
  if (bytes.length > 10 && bytes.readUInt32LE(4) === 0 && text[8] === '{') {
    return {
      what: 'a safetensors file (weights)',
      advice: 'Give a data file; a model is given as its folder',
    };
  }
  return text.includes('\x00')
    ? { what: 'a binary file', advice: `Give a text file of chats. ${convert}` }
    : undefined;
}

function webPage(text: string): ForeignFormat | undefined {
  if (!/^<(!doctype|html|\?xml|head|body)/i.test(text)) return undefined;
  return {
    what: text.startsWith('<?')
      ? 'an XML document'
      : 'a web page (perhaps the page about the file, or of an error)',
    advice: 'Download the file itself; on the hub its address holds /resolve/, not /blob/',
  };
}
