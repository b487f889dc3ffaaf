import type { Random } from './random.ts';
import { randomText } from './tokenizer-texts.ts';

/** A small tokenizer.json, and what to try on it. */
export interface TokenizerCase {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly texts: readonly string[];
  readonly decode: readonly (readonly number[])[];
}

type Component = Readonly<Record<string, unknown>>;

const behaviors = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];

/** Expressions of real tokenizers, and some that try the syntax. */
const expressions = [
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
  '[一-龥\u3040-ゟ゠-ヿ]+',
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  '\\d(?=(\\d{3})+(?!\\d))',
  '(?<=\\s)\\S+',
  '(?<!a|bc)[a-z]{2,3}',
  '\\w+|[^\\w\\s]+',
  '\\b\\w',
  '^.|.$',
  '(?>a|ab)c?',
  '(?:ab?)*?b',
  '[^\\p{L}&&[^a-f]]+',
  '[[:alpha:]]+|[[:digit:]]',
  '[[:^space:]]+',
  '\\p{Han}+|\\P{Han}',
  '\\p{^Lu}+',
  '(?i)the|[a-c]+',
  'a{,2}b',
  '(?:\\s{2,3})+',
  '\\A\\s*|\\s*\\z',
  '(?m:.+)',
  '.{3}',
  'x*',
  '\\x{e9}|\\x41|\\u0301',
  '\\h+',
  '(?i:st)',
  '\\X',
  '\\R',
  '(\\w)\\1',
  '(a*)*b',
  '[\\w-]+',
  '(?<word>\\w+) ',
  '(?#comment) +',
  '\\p{Cyrillic}|\\p{Greek}+',
  '[\\x{1F300}-\\x{1FAFF}]\\x{200d}?',
  '\\s+|\\p{M}+|\\p{P}|\\p{S}|\\p{Cc}|\\p{Cf}',
];
const literals = [' ', 'a', 'e', '.', '\n', 'the', '▁', '  ', '\u0301', '👍', '', '(', '-'];

/** An expression from the syntax's parts. */
function expression(random: Random, depth = 0): string {
  const atoms = [
    'a',
    'e',
    't',
    ' ',
    '.',
    '\\s',
    '\\S',
    '\\w',
    '\\W',
    '\\d',
    '\\p{L}',
    '\\P{L}',
    '\\p{Lu}',
    '\\p{M}',
    '\\n',
    '[a-m]',
    '[^a-m\\s]',
    '[\\p{N}\\p{P}]',
    '[^\\w]',
    '[ab[^c-z]&&[a-f]]',
    'é',
    '中',
    '\\u00e9',
    '[[:space:]x]',
  ];
  const roll = depth > 3 ? 0 : random.below(12);
  const inner = () => expression(random, depth + 1);
  const repeat = random.pick([
    '*',
    '+',
    '?',
    '*?',
    '+?',
    '??',
    '*+',
    '++',
    '?+',
    '{2}',
    '{1,2}',
    '{,2}',
    '{2,}',
    '{1,3}?',
    '{2}+',
  ]);
  if (roll < 4) return random.pick(atoms);
  if (roll < 6) return inner() + inner();
  if (roll < 7) return `(?:${inner()}|${inner()})`;
  if (roll < 9) return `(?:${inner()})${repeat}`;
  if (roll < 10) return random.pick(atoms) + repeat;
  if (roll < 11)
    return `${random.pick(['(?=', '(?!', '(?<=', '(?<!', '(?>', '(', '(?i:', '(?m:', '(?-i:'])}${inner()})`;
  return random.pick(['^', '$', '\\b', '\\B', '\\A', '\\z', '\\Z', '(?i)']) + inner();
}

function pattern(random: Random): Component {
  if (random.chance(0.3)) return { Regex: expression(random) };
  return random.chance(0.6) ? { Regex: random.pick(expressions) } : { String: random.pick(literals) };
}

/** A normaliser; `depth` bounds sequences in sequences. */
function normalizer(random: Random, depth = 0): Component {
  const kinds: (() => Component)[] = [
    () => ({ type: 'NFC' }),
    () => ({ type: 'NFD' }),
    () => ({ type: 'NFKC' }),
    () => ({ type: 'NFKD' }),
    () => ({ type: 'Lowercase' }),
    () => ({ type: 'StripAccents' }),
    () => ({ type: 'Nmt' }),
    () => ({ type: 'ByteLevel' }),
    () => ({ type: 'Strip', strip_left: random.chance(0.5), strip_right: random.chance(0.5) }),
    () => ({ type: 'Prepend', prepend: random.pick(['▁', 'ab', ' ', '']) }),
    () => ({ type: 'Replace', pattern: pattern(random), content: random.pick(['▁', '', ' ', 'xy', 'é']) }),
    () => ({ type: 'Replace', pattern: { String: ' ' }, content: '▁' }),
    () => ({
      type: 'BertNormalizer',
      clean_text: random.chance(0.7),
      handle_chinese_chars: random.chance(0.7),
      strip_accents: random.pick([null, true, false]),
      lowercase: random.chance(0.7),
    }),
  ];
  if (depth > 1 || random.chance(0.7)) return random.pick(kinds)();
  return {
    type: 'Sequence',
    normalizers: Array.from({ length: random.below(4) }, () => normalizer(random, depth + 1)),
  };
}

function metaspace(random: Random): Component {
  const scheme = random.pick(['always', 'first', 'never']);
  return {
    type: 'Metaspace',
    replacement: random.pick(['▁', '▁', '_', 'a']),
    prepend_scheme: scheme,
    split: random.chance(0.7),
  };
}

function byteLevel(random: Random): Component {
  return {
    type: 'ByteLevel',
    add_prefix_space: random.chance(0.4),
    trim_offsets: random.chance(0.5),
    use_regex: random.chance(0.6),
  };
}

function preTokenizer(random: Random, depth = 0): Component {
  const kinds: (() => Component)[] = [
    () => byteLevel(random),
    () => metaspace(random),
    () => metaspace(random),
    () => ({ type: 'Whitespace' }),
    () => ({ type: 'WhitespaceSplit' }),
    () => ({ type: 'BertPreTokenizer' }),
    () => ({ type: 'Punctuation', behavior: random.pick(behaviors) }),
    () => ({ type: 'Digits', individual_digits: random.chance(0.5) }),
    () => ({ type: 'CharDelimiterSplit', delimiter: random.pick([' ', 'a', '-', '▁']) }),
    () => ({ type: 'FixedLength', length: 1 + random.below(6) }),
    () => ({
      type: 'Split',
      pattern: pattern(random),
      behavior: random.pick(behaviors),
      invert: random.chance(0.3),
    }),
    () => ({ type: 'Split', pattern: pattern(random), behavior: 'Isolated', invert: false }),
  ];
  if (depth > 1 || random.chance(0.6)) return random.pick(kinds)();
  return {
    type: 'Sequence',
    pretokenizers: Array.from({ length: random.below(4) }, () => preTokenizer(random, depth + 1)),
  };
}

function decoder(random: Random, depth = 0): Component {
  const kinds: (() => Component)[] = [
    () => byteLevel(random),
    () => metaspace(random),
    () => ({ type: 'WordPiece', prefix: random.pick(['##', '', '▁']), cleanup: random.chance(0.5) }),
    () => ({ type: 'BPEDecoder', suffix: random.pick(['</w>', 'a', '']) }),
    () => ({ type: 'ByteFallback' }),
    () => ({ type: 'Fuse' }),
    () => ({ type: 'Replace', pattern: pattern(random), content: random.pick([' ', '', 'xy']) }),
    () => ({
      type: 'Strip',
      content: random.pick([' ', 'a', '▁']),
      start: random.below(3),
      stop: random.below(3),
    }),
  ];
  if (depth > 1 || random.chance(0.6)) return random.pick(kinds)();
  return {
    type: 'Sequence',
    decoders: Array.from({ length: random.below(4) }, () => decoder(random, depth + 1)),
  };
}

/** Tokens of several characters, cut from texts; single characters, bytes and odd ones among them. */
function vocabularyTokens(random: Random, byteAlphabet: boolean): string[] {
  const tokens = new Set<string>();
  for (const character of ' abcdefghijklmnopqrstuvwxyzTHEIx.,!0123459▁_é中ĠĊ\n')
    if (random.chance(0.8)) tokens.add(character);
  if (byteAlphabet)
    for (let unit = 0x21; unit < 0x144; unit++)
      if (random.chance(0.95)) tokens.add(String.fromCharCode(unit));
  if (random.chance(0.4))
    for (let byte = 0; byte < 256; byte++)
      if (random.chance(0.98)) tokens.add(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  for (let count = 0; count < 60; count++) {
    const characters = [...randomText(random, [])];
    const start = random.below(characters.length);
    tokens.add(characters.slice(start, start + 1 + random.below(4)).join(''));
  }
  tokens.delete('');
  return random.some([...tokens], tokens.size);
}

interface Model {
  readonly model: Component;
  readonly tokens: readonly string[];
}

function bytePairModel(random: Random): Model {
  const prefix = random.pick([null, null, null, '', '##']);
  const suffix = random.pick([null, null, null, '', '</w>']);
  const base = vocabularyTokens(random, random.chance(0.5));
  const tokens = [...base];
  for (const token of base) {
    if (prefix && random.chance(0.7)) tokens.push(prefix + token);
    if (suffix && random.chance(0.5)) tokens.push(token + suffix);
    if (prefix && suffix && random.chance(0.3)) tokens.push(prefix + token + suffix);
  }
  tokens.push('<unk>');
  const known = new Set(tokens);
  const merges: [string, string][] = [];
  for (let count = 0; count < 120; count++) {
    const left = random.pick(tokens);
    const right = random.pick(tokens);
    if (prefix && !right.startsWith(prefix)) continue;
    const merged = left + right.slice(prefix?.length ?? 0);
    if (!known.has(merged)) tokens.push(merged);
    known.add(merged);
    merges.push([left, right]);
  }
  // Merges of letters that stand side by side in words, so that many apply.
  for (const pair of [
    't h',
    'h e',
    'th e',
    'i n',
    'in g',
    'a t',
    'c at',
    'c a',
    'ca t',
    '▁ t',
    'Ġ t',
    'e r',
    'o n',
    's t',
  ]) {
    const [left, right] = pair.split(' ') as [string, string];
    if (prefix || !known.has(left) || !known.has(right)) continue;
    if (!known.has(left + right)) tokens.push(left + right);
    known.add(left + right);
    merges.push([left, right]);
  }
  const unique = [...new Set(tokens)];
  return {
    tokens: unique,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: random.pick([null, '<unk>', '<unk>', '<unk>', 'missing']),
      continuing_subword_prefix: prefix,
      end_of_word_suffix: suffix,
      fuse_unk: random.chance(0.5),
      byte_fallback: random.chance(0.4),
      ignore_merges: random.chance(0.3),
      vocab: Object.fromEntries(unique.map((token, id) => [token, id])),
      merges: random.some(merges, merges.length),
    },
  };
}

function unigramModel(random: Random): Model {
  const tokens = ['<unk>', ...vocabularyTokens(random, random.chance(0.2))];
  const unknown = random.pick([0, 0, 0, 3, null]);
  return {
    tokens,
    model: {
      type: 'Unigram',
      unk_id: unknown,
      byte_fallback: random.chance(0.5),
      vocab: tokens.map((token) => [token, token === '<unk>' ? 0 : -Math.round(random.next() * 120) / 10]),
    },
  };
}

function wordModel(random: Random): Model {
  const prefix = random.pick(['##', '##', '', '▁']);
  const base = vocabularyTokens(random, false);
  const extra = base.filter(() => random.chance(0.7)).map((token) => prefix + token);
  const tokens = [...new Set(['<unk>', ...base, ...extra, 'cats', 'the', 'it', 'Hello'])];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const unknown = random.pick(['<unk>', '<unk>', '<unk>', 'missing']);
  if (random.chance(0.4)) return { tokens, model: { type: 'WordLevel', vocab, unk_token: unknown } };
  return {
    tokens,
    model: {
      type: 'WordPiece',
      unk_token: unknown,
      continuing_subword_prefix: prefix,
      max_input_chars_per_word: random.pick([100, 100, 5]),
      vocab,
    },
  };
}

function addedTokens(random: Random, tokens: readonly string[]): Component[] {
  const contents = [
    '<s>',
    '<|im_start|>',
    '<|im_end|>',
    'cat',
    'the',
    ' x ',
    '\n\n',
    'É',
    'é',
    '中文',
    'it',
    '▁',
    'St',
    '12',
  ];
  const chosen = random.some([...contents, ...random.some(tokens, 4)], random.below(7));
  let next = tokens.length;
  return chosen.map((content) => {
    const known = tokens.indexOf(content);
    return {
      id: known === -1 ? next++ : known,
      content,
      single_word: random.chance(0.3),
      lstrip: random.chance(0.3),
      rstrip: random.chance(0.3),
      normalized: random.chance(0.4),
      special: random.chance(0.5),
    };
  });
}

/** A tokenizer of random settings, with texts and ids to try it on. */
export function randomTokenizerCase(random: Random, textCount: number): TokenizerCase {
  const build = random.pick([bytePairModel, bytePairModel, unigramModel, wordModel]);
  const { model, tokens } = build(random);
  const added = addedTokens(random, tokens);
  const contents = [...added.map(({ content }) => content as string), ...random.some(tokens, 10)];
  const texts = Array.from({ length: textCount }, () => randomText(random, contents));
  const limit = tokens.length + added.length + 3;
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: random.chance(0.5) ? normalizer(random) : null,
      pre_tokenizer: random.chance(0.8) ? preTokenizer(random) : null,
      post_processor: random.chance(0.2) ? byteLevel(random) : null,
      decoder: random.chance(0.8) ? decoder(random) : null,
      model,
    },
    texts,
    decode: Array.from({ length: 4 }, () =>
      Array.from({ length: 1 + random.below(12) }, () => random.below(limit)),
    ),
  };
}
