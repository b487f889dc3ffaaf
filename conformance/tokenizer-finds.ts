import type { TokenizerCase } from './tokenizer-cases.ts';

type Component = Readonly<Record<string, unknown>>;

/** Characters that the small vocabularies know. */
const characters = [
  ...' abcdehilnopstvxyzATIEÉé.,!?\'"-_()<|>019½①²१٣中国▁\n\r\t\u0085\u00a0\ufeff\u200b\u0301ßσςſ👍',
];

/** A model that shows where words begin: the characters within one have a prefix. */
const spelling: Component = {
  type: 'WordPiece',
  unk_token: '<unk>',
  continuing_subword_prefix: '##',
  max_input_chars_per_word: 100,
  vocab: numbered(['<unk>', ...characters, ...characters.map((character) => `##${character}`)]),
};
const spellingSize = 1 + 2 * characters.length;

function numbered(tokens: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

function added(content: string, flags: Component = {}, index = 0): Component {
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: false };
  return { id: spellingSize + index, content, ...plain, ...flags };
}

function bytePair(tokens: readonly string[], merges: readonly string[], settings: Component = {}): Component {
  const all = [...new Set([...tokens, ...merges.map((merge) => merge.replace(' ', '').replace('##', ''))])];
  const vocab = numbered(all);
  return { type: 'BPE', vocab, merges: merges.map((merge) => merge.split(' ')), ...settings };
}

const letters = ['<unk>', 'a', 'b', 'c', 'ab', 'bc', 'abc'];
const bytes = ['<0x0A>', '<0xC3>', '<0xA9>', '<0xF0>', '<0x9F>', '<0x91>', '<0x8D>'];
const sample = [
  "it's a cat, don't!",
  '4 ½ ① १२٣ ² x',
  ' a  b\n\nc\u0085d\ufeffe ',
  'É é e\u0301 中国 👍👍',
  'the.(and)--"or" ?!',
];
const spaces = ['  \ufeffhi', "it\ufeff's", 'end.\u0085 next', 'a \u200b b', '\n \n  x', 'a\u00a0 b'];

/** A setting on its own: the other parts are as plain as they can be. */
function find(
  settings: { [key: string]: unknown },
  texts: readonly string[] = sample,
  decode: readonly (readonly number[])[] = [],
): TokenizerCase {
  const plain = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
  };
  return {
    tokenizer: { ...plain, post_processor: null, decoder: null, model: spelling, ...settings },
    texts,
    decode,
  };
}

const behaviors = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];

function split(Regex: string, texts: readonly string[] = sample): TokenizerCase {
  return find(
    { pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false } },
    texts,
  );
}

function byteLevel(settings: Component = {}): Component {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true, ...settings };
}

function metaspace(scheme: string, splits = true): Component {
  return { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: splits };
}

/** A character map that SentencePiece 0.2 made of ten rules: ligatures, line ends, an accent, abc to x. */
const sentencePieceMap =
  'AAQAAAAwAAANDQAAAQAAgAEAAIBihAEAEgAAgGMNAADMPAIACi0AAIENAAAUAACArRkAALsJAAAAAACAEAAAgKZ5AACA5AIABQAA' +
  'gIK0AgCsHQAACQAAgKwIAgCBBQAADQAAgJ9MAgCNCQAAkTgCAAMAAIAdAAAAHAAAAB8AAAAeAAAAIQAAACAAAAAjAAAAIgAAACUA' +
  'AAAkAAAAJwAAACYAAAApAAAAKAAAACsAAAAqAAAALQAAACwAAAAvAAAALgAAADEAAAAwAAAAMwAAADIAAAA1AAAANAAAADcAAAA2' +
  'AAAAOQAAADgAAAA7AAAAOgAAAD0AAAA8AAAAPwAAAD4AAABBAAAAQAAAAEMAAABCAAAARQAAAEQAAABHAAAARgAAAEkAAABIAAAA' +
  'SwAAAEoAAABNAAAATAAAAE8AAABOAAAAUQAAAFAAAABTAAAAUgAAAFUAAABUAAAAVwAAAFYAAABZAAAAWAAAAFsAAABaAAAAXQAA' +
  'AFwAAABfAAAAXgAAAGEAAABgAAAAYwAAAGIAAABlAAAAZAAAAGcAAABmAAAAaQAAAGWIAgBrAAAAagAAAG0AAABhLAAAbwAAAG4A' +
  'AABxAAAAcAAAAHMAAAByAAAAdQAAAHQAAAB3AAAAdgAAAHkAAAB4AAAAewAAAHoAAAB9AAAAfAAAAH8AAAB+AAAAgQAAAIAAAACD' +
  'AAAAggAAAIUAAACEAAAAhwAAAIYAAACJAAAAiAAAAIsAAACKAAAAjQAAAIwAAACPAAAAjgAAAJEAAACQAAAAkwAAAJIAAACVAAAA' +
  'lAAAAJcAAACWAAAAmQAAAJgAAACbAAAAmgAAAJ0AAACcAAAAnwAAAJ4AAAChAAAAoAAAAKMAAACiAAAApQAAAKQAAACnAAAApgAA' +
  'AKkAAACoAAAAqwAAAKoAAACtAAAArAAAAK8AAACuAAAAsQAAALAAAACzAAAAsgAAALUAAAC0AAAAtwAAALYAAAC5AAAAuAAAALsA' +
  'AAC6AAAAvQAAALwAAAC/AAAAvgAAAMEAAADAAAAAwwAAAMIAAADFAAAAxAAAAMcAAADGAAAAyQAAAMgAAADLAAAAygAAAM0AAADM' +
  'AAAAwqABAMPgAQDRAAAA0AAAANMAAADSAAAA1QAAANQAAADXAAAA1gAAANkAAADYAAAA2wAAANoAAADdAAAA3AAAAN8AAADeAAAA' +
  '4QAAAOAAAADjAAAA72gBAOUAAADkAAAA5wAAAOYAAADpAAAA6AAAAOsAAADqAAAA7QAAAOwAAADi+AEA7gAAAPEAAADwAAAA8wAA' +
  'APIAAAD1AAAA9AAAAPcAAAD2AAAA+QAAAPgAAAD7AAAA+gAAAPDsAQD8AAAA/wAAAP4AAAAACgArAC4uLgBFVVIAZmkAdQB4AMOp' +
  'AA==';

/** What other readers of tokenizer.json were found to get wrong, and what the search found here, each as small as it can be. */
export const tokenizerFinds: Readonly<Record<string, TokenizerCase>> = {
  'Digits over all of Unicode, one by one': find({
    pre_tokenizer: { type: 'Digits', individual_digits: true },
  }),
  'Digits over all of Unicode, together': find({
    pre_tokenizer: { type: 'Digits', individual_digits: false },
  }),
  ...Object.fromEntries(
    behaviors.flatMap((behavior) => [
      [`Punctuation ${behavior}`, find({ pre_tokenizer: { type: 'Punctuation', behavior } })],
      ...[false, true].flatMap((invert) =>
        [{ Regex: '\\s|[.!]' }, { String: ' ' }, { String: '' }].map((pattern) => [
          `Split ${JSON.stringify(pattern)} ${behavior}${invert ? ' inverted' : ''}`,
          find({ pre_tokenizer: { type: 'Split', pattern, behavior, invert } }),
        ]),
      ),
    ]),
  ),
  Whitespace: find({ pre_tokenizer: { type: 'Whitespace' } }, [...sample, ...spaces]),
  WhitespaceSplit: find({ pre_tokenizer: { type: 'WhitespaceSplit' } }, [...sample, ...spaces]),
  BertPreTokenizer: find({ pre_tokenizer: { type: 'BertPreTokenizer' } }, [...sample, ...spaces]),
  CharDelimiterSplit: find({ pre_tokenizer: { type: 'CharDelimiterSplit', delimiter: 'a' } }),
  FixedLength: find({ pre_tokenizer: { type: 'FixedLength', length: 3 } }),
  ...Object.fromEntries(
    ['always', 'first', 'never'].map((scheme) => [
      `Metaspace ${scheme}, behind added tokens and within a sequence`,
      find(
        {
          added_tokens: [added('<s>', { special: true })],
          pre_tokenizer: {
            type: 'Sequence',
            pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace(scheme)],
          },
        },
        ['a cat', '<s>a cat', 'a<s>cat <s> x', ' a', '<s> a'],
      ),
    ]),
  ),
  'Metaspace first behind what takes characters away': find(
    {
      normalizer: { type: 'Strip', strip_left: true, strip_right: true },
      pre_tokenizer: metaspace('first', false),
    },
    ['a b', ' a b', ' \n a '],
  ),
  'Metaspace first behind an empty replacement': find(
    {
      normalizer: { type: 'Replace', pattern: { Regex: '\\A\\s*|\\s*\\z' }, content: '' },
      pre_tokenizer: metaspace('first'),
    },
    ['a b', ' a b', ' '],
  ),
  single_word: find({ added_tokens: [added('cat', { single_word: true })] }, [
    'cat',
    'a cat',
    'cats',
    'cat_',
    '中cat',
    'cat.cat',
    'é cat\u0301',
  ]),
  'lstrip and rstrip': find(
    { added_tokens: [added('<l>', { lstrip: true }), added('<r>', { rstrip: true }, 1)] },
    ['a <l> b', 'a <r> b', '<r>  <l>', ' \n<l><r>\u0085 x', '<r> <r> <l>'],
  ),
  'normalized added tokens': find(
    {
      normalizer: { type: 'Lowercase' },
      added_tokens: [added('Cat', { normalized: true }), added('THE', { special: true }, 1)],
      decoder: { type: 'Fuse' },
    },
    ['Cat cat CAT', 'the THE The'],
  ),
  'a token of the spaces that another took': find(
    {
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: true,
      },
      added_tokens: [added('\n\n', { lstrip: true, rstrip: true, normalized: true })],
    },
    ['\n\n\n\n\n a\n\n', ' \n\n x'],
  ),
  'byte-level words and their spaces': find({ pre_tokenizer: byteLevel(), model: alphabetModel() }, [
    ...sample,
    ...spaces,
  ]),
  'byte-level, with a space before': find(
    { pre_tokenizer: byteLevel({ add_prefix_space: true }), model: alphabetModel(), decoder: byteLevel() },
    [...sample, ...spaces],
  ),
  'byte-level decoding of what is no UTF-8 and of other characters': find(
    {
      model: { type: 'WordLevel', unk_token: '<unk>', vocab: numbered(['<unk>', 'Ã', '©', 'Ġ', '中', 'a']) },
      decoder: byteLevel(),
    },
    ['a'],
    [[1, 2], [1], [2, 1], [3, 4, 3], [1, 5, 2], [0, 1]],
  ),
  'a merge across characters without a token': find({ model: bytePair(['a', 'b'], ['a b']) }, [
    'axb',
    'ab',
    'a中b',
    'x',
  ]),
  'unknown characters one by one': find(
    { model: bytePair(letters, ['a b'], { unk_token: '<unk>', fuse_unk: false }) },
    ['xxabx', 'x', 'axxb'],
  ),
  'unknown characters together': find(
    { model: bytePair(letters, ['a b'], { unk_token: '<unk>', fuse_unk: true }) },
    ['xxabx', 'x', 'axxb'],
  ),
  'bytes for unknown characters': find(
    {
      model: bytePair([...letters, ...bytes], ['a b'], { unk_token: '<unk>', byte_fallback: true }),
      decoder: { type: 'ByteFallback' },
    },
    ['é\n', 'xé', 'x中éa', '👍', 'aéb'],
    [[8, 9], [8], [9, 8, 1], [10, 11, 12, 13], [10, 11]],
  ),
  ignore_merges: find({ model: bytePair(letters, ['a b'], { ignore_merges: true }) }, [
    'abc',
    'ab',
    'bc',
    'abca',
  ]),
  'prefix and suffix within words': find(
    {
      model: bytePair(['<unk>', 'a', 'b', '##a', '##b', '##b</w>', 'a</w>', '##a</w>'], ['a ##b'], {
        unk_token: '<unk>',
        continuing_subword_prefix: '##',
        end_of_word_suffix: '</w>',
      }),
      pre_tokenizer: { type: 'WhitespaceSplit' },
      decoder: { type: 'BPEDecoder', suffix: '</w>' },
    },
    ['ab', 'aba abb a', 'bab'],
  ),
  'merges in the order learnt': find({ model: bytePair(['a', 'b', 'c'], ['b c', 'a b', 'a bc', 'ab c']) }, [
    'abc',
    'abcabc',
    'aabbcc',
  ]),
  'Unigram with bytes': find(
    {
      model: {
        type: 'Unigram',
        unk_id: 0,
        byte_fallback: true,
        vocab: [['<unk>', 0], ['▁', -2], ['a', -1], ...bytes.map((byte) => [byte, 0])],
      },
      pre_tokenizer: metaspace('always'),
      decoder: { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, metaspace('always')] },
    },
    ['a\na', 'é', 'aéx', '中', '\n\n'],
  ),
  'Unigram without bytes': find(
    {
      model: {
        type: 'Unigram',
        unk_id: 0,
        byte_fallback: false,
        vocab: [
          ['<unk>', 0],
          ['a', -1],
          ['aa', -1.5],
          ['aaa', -4],
          ['b', -2],
          ['ab', -2.5],
        ],
      },
    },
    ['aaa', 'aaaab', 'xxa', 'xyab'],
  ),
  'Unigram without an unknown token': find(
    { model: { type: 'Unigram', unk_id: null, byte_fallback: false, vocab: [['a', -1]] } },
    ['aa', 'ax'],
  ),
  'words too long': find(
    { model: { ...spelling, max_input_chars_per_word: 3 }, pre_tokenizer: { type: 'WhitespaceSplit' } },
    ['the a 中国é👍 x'],
  ),
  'words with a gap': find({ pre_tokenizer: { type: 'WhitespaceSplit' } }, ['axQb cat', 'Q']),
  ...Object.fromEntries(
    ['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Nmt'].map((type) => [
      `normalizer ${type}`,
      find({ normalizer: { type } }, [...sample, ...spaces, 'ΣΑΣ ßſ İ ﬁ ½', '\u105d2\u0307\u0897']),
    ]),
  ),
  'normalizer Prepend and Replace': find(
    {
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
          { type: 'Replace', pattern: { Regex: '(?<=a)t|x*' }, content: 'é' },
        ],
      },
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
    },
    ['a cat', '', ' x'],
  ),
  ...Object.fromEntries(
    [true, false].flatMap((clean) =>
      [true, false, null].map((strip) => [
        `BertNormalizer ${clean} ${strip}`,
        find(
          {
            normalizer: {
              type: 'BertNormalizer',
              clean_text: clean,
              handle_chinese_chars: clean,
              strip_accents: strip,
              lowercase: !clean,
            },
          },
          [...sample, ...spaces, 'a\u0000\u0007\ufffdb'],
        ),
      ]),
    ),
  ),
  'Precompiled, which takes the shortest prefix it knows of a grapheme': find(
    { normalizer: { type: 'Precompiled', precompiled_charsmap: sentencePieceMap } },
    ['abc abcd', 'ﬁ û €', 'a\r\nb\r', 'e\u0301\u0301', '…👍\u00ad', 'e\u0323\u0301'],
  ),
  'WordPiece decoding': find({ decoder: { type: 'WordPiece', prefix: '##', cleanup: true } }, sample),
  'Strip decoding': find({ decoder: { type: 'Strip', content: 'a', start: 1, stop: 0 } }, ['a cat', 'a']),
  'no decoder': find({}, ['a cat']),
  'cl100k and Llama 3': split(
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    [...sample, ...spaces, "IT'S it'ſ don'T", '0190190'],
  ),
  'possessive repeats': split(
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s+(?!\\S)|\\s",
    [...sample, ...spaces],
  ),
  'atomic groups': split('(?>a|ab)c?|t(?>h|he)e', ['abc ac the thee']),
  'looks behind': split('(?<!a|bc)[a-z]|(?<=\\s)\\S+', sample),
  'lines and words': split('^.|.$|\\bc|\\B\\.', ['ab\ncat.\n', '\n', 'c.c']),
  'classes within classes': split('[a-z&&[^a-e]]+|[[:space:][:digit:]]', sample),
  'word characters within brackets and without': split('\\w', ['½²①a_é']),
  'word characters within brackets': split('[\\w-]', ['½²①a_é-']),
  'a repeat of a repeat': split('(?:a{1,2})+|(?:x{2}+)', ['aaaaa xxxxx']),
};

/** The alphabet of bytes, each character of it a token, so that words show by their ends. */
function alphabetModel(): Component {
  const alphabet = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte + 0x100)).slice(0, 0x44);
  const printable = [
    ...'!"\'(),-.0123456789<>?ABCDEabcdefghilmnopstvxyz_|¡¢£©«¬®°±²³½¾¿ÀÂÃÌáâãäåæçèéêëìíîïðñòó÷ø»¹¤¥§¨',
  ];
  const tokens = ['<unk>', ...alphabet, ...printable];
  return {
    type: 'WordPiece',
    unk_token: '<unk>',
    continuing_subword_prefix: '#',
    max_input_chars_per_word: 100,
    vocab: numbered([...tokens, ...tokens.map((token) => `#${token}`)]),
  };
}
