/** What llama.cpp's name of a pre-tokenizer stands for, in the words of tokenizer.json. */
export interface PreTokenizerSettings {
  /** Patterns by which text is split into words, one after another. */
  readonly splits: readonly unknown[];
  /** What the families' own tokenizer.json normalise by; llama.cpp does not. */
  readonly normalizer: unknown;
  /** Words that are tokens are taken whole, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether texts begin with the first token where the file does not say so. */
  readonly addBos: boolean;
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const [upper, lower] = ['\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}', '\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}'];
/** The words of cl100k and its descendants; numbers in groups as `numbers` says. */
const cl100k = (numbers: string, letters = '\\p{L}') =>
  `${contractions}|[^\\r\\n\\p{L}\\p{N}]?[${letters}]+|${numbers}| ?[^\\s${letters}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
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

const gpt2: PreTokenizerSettings = { ...plain, splits: [gpt2Words] };
const digits: PreTokenizerSettings = { ...plain, splits: [eachDigit, gpt2Words] };
const llama3: PreTokenizerSettings = {
  ...plain,
  splits: [split(cl100k(threeDigits)), bytes],
  ignoreMerges: true,
  addBos: true,
};
const cl100kWords: PreTokenizerSettings = { ...plain, splits: [split(cl100k(threeDigits)), bytes] };
const qwen2: PreTokenizerSettings = { ...plain, splits: [split(cl100k(digit)), bytes] };
const gpt4o: PreTokenizerSettings = {
  ...plain,
  splits: [split(o200k(threeDigits, `${contractions}?`)), bytes],
};

/** DeepSeek V3's three steps. */
const deepseek3: PreTokenizerSettings = {
  ...plain,
  splits: [
    split(threeDigits),
    split('[一-龥぀-ゟ゠-ヿ]+'),
    split(
      '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
    ),
    bytes,
  ],
};

/**
 * Byte-level pre-tokenizers by llama.cpp's names (`tokenizer.ggml.pre`; `llama-vocab.cpp`), as the tokenizer.json files have them
 * that the names were given to. Others are refused: what they split by is written into llama.cpp alone.
 */
export const preTokenizers: ReadonlyMap<string, PreTokenizerSettings> = new Map([
  ...named(
    gpt2,
    'gpt-2',
    'phi-2',
    'olmo',
    'mpt',
    'exaone4',
    'a.x-4.0',
    'mellum',
    'trillion',
    'granite-docling',
  ),
  ...named(digits, 'smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b'),
  ...named(llama3, 'llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'pixtral', 'midm-2.0', 'lfm2'),
  ...named(cl100kWords, 'dbrx', 'smaug-bpe', 'glm4', 'chatglm-bpe'),
  ...named({ ...qwen2, normalizer: nfc }, 'qwen2', 'stablelm2'),
  ...named(qwen2, 'deepseek-r1-qwen', 'megrez', 'hunyuan'),
  ...named({ ...plain, normalizer: nfc, splits: [split(cl100k(digit, '\\p{L}\\p{M}')), bytes] }, 'qwen35'),
  ...named(
    { ...plain, splits: [split(o200k(digit, '')), bytes], ignoreMerges: true, addBos: true },
    'tekken',
  ),
  ...named(gpt4o, 'gpt-4o', 'llama4', 'kanana2'),
  ...named(deepseek3, 'deepseek-v3', 'hunyuan-dense'),
]);

function named(settings: PreTokenizerSettings, ...names: string[]): [string, PreTokenizerSettings][] {
  return names.map((name) => [name, settings]);
}
