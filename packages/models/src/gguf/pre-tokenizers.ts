/** What llama.cpp's names of a byte-level pre-tokenizer stand for, in the words of tokenizer.json. */
export interface PreTokenizerSettings {
  /** Names in `tokenizer.ggml.pre`; the first is the one that is written. */
  readonly names: readonly [string, ...string[]];
  /** Steps by which text is split into words, one after another. */
  readonly splits: readonly unknown[];
  /** What the families' own tokenizer.json normalise by; llama.cpp does not. */
  readonly normalizer: unknown;
  /** Words that are tokens are taken whole, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether texts begin with the first token where the file does not say so. */
  readonly addBos: boolean;
  /** What llama.cpp's own pattern does otherwise: a sentence. */
  readonly difference?: string;
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const [upper, lower] = ['\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}', '\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}'];
/** The words of cl100k and its descendants; numbers as `numbers` says, words of `letter`, which is one of `letters`. */
const cl100k = (numbers: string, letter = '\\p{L}', letters = letter) =>
  `${contractions}|[^\\r\\n\\p{L}\\p{N}]?${letter}+|${numbers}| ?[^\\s${letters}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
/** The words of o200k, and of Mistral's Tekken. */
const o200k = (numbers: string, ending: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?[${upper}]*[${lower}]+${ending}|[^\\r\\n\\p{L}\\p{N}]?[${upper}]+[${lower}]*${ending}|${numbers}` +
  '| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

const digit = '\\p{N}';
const threeDigits = '\\p{N}{1,3}';
const split = (pattern: string) => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
});
const eachDigit = { type: 'Digits', individual_digits: true };
/** GPT-2's own words. */
const gpt2Words = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const bytes = { ...gpt2Words, use_regex: false };

const plain = { normalizer: null, ignoreMerges: false, addBos: false };
const nfc = { type: 'NFC' };
const qwen2 = [split(cl100k(digit)), bytes];
const asciiCase =
  'llama.cpp tells upper from lower case in ASCII only when it splits words, and may split others elsewhere.';

/**
 * Byte-level pre-tokenizers by llama.cpp's names (`llama-vocab.cpp`), as the tokenizer.json files have them that the names were
 * given to, letter by letter: files are known by these patterns when they are written as GGUF. Of several that split alike, the
 * first is written. Other names are refused: what they split by is written into llama.cpp alone.
 */
export const preTokenizers: readonly PreTokenizerSettings[] = [
  {
    ...plain,
    names: ['gpt-2', 'phi-2', 'olmo', 'mpt', 'exaone4', 'a.x-4.0', 'mellum', 'trillion', 'granite-docling'],
    splits: [gpt2Words],
  },
  {
    ...plain,
    names: ['smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b'],
    splits: [eachDigit, gpt2Words],
  },
  {
    names: ['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'pixtral', 'midm-2.0', 'lfm2'],
    splits: [split(cl100k(threeDigits)), bytes],
    normalizer: null,
    ignoreMerges: true,
    addBos: true,
  },
  {
    ...plain,
    names: ['smaug-bpe', 'dbrx', 'glm4', 'chatglm-bpe'],
    splits: [split(cl100k(threeDigits)), bytes],
  },
  { ...plain, names: ['qwen2', 'stablelm2'], splits: qwen2, normalizer: nfc },
  { ...plain, names: ['deepseek-r1-qwen', 'megrez', 'hunyuan'], splits: qwen2 },
  {
    ...plain,
    names: ['qwen35'],
    splits: [split(cl100k(digit, '[\\p{L}\\p{M}]', '\\p{L}\\p{M}')), bytes],
    normalizer: nfc,
  },
  {
    names: ['tekken'],
    splits: [split(o200k(digit, '')), bytes],
    normalizer: null,
    ignoreMerges: true,
    addBos: true,
    difference: asciiCase,
  },
  {
    ...plain,
    names: ['gpt-4o', 'llama4', 'kanana2'],
    splits: [split(o200k(threeDigits, `${contractions}?`)), bytes],
    difference: asciiCase,
  },
  {
    ...plain,
    names: ['deepseek-v3', 'hunyuan-dense'],
    splits: [
      split(threeDigits),
      split('[一-龥぀-ゟ゠-ヿ]+'),
      split(
        '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+',
      ),
      bytes,
    ],
  },
];
