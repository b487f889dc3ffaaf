import { describe, expect, it } from 'vitest';
import { TokenizationError } from '../errors.ts';
import { TextTokenizer } from './text-tokenizer.ts';

const letters = [...'abcdefghijklmnopqrstuvwxyz'];
const vocabulary = Object.fromEntries(
  ['<unk>', ...letters, 'aa', 'aaaa', 'ab'].map((token, id) => [token, id]),
);
const bytePair = {
  type: 'BPE',
  unk_token: '<unk>',
  vocab: vocabulary,
  merges: [
    ['a', 'a'],
    ['aa', 'aa'],
    ['a', 'b'],
  ],
};

function tokenizer(settings: object): TextTokenizer {
  return new TextTokenizer('tokenizer.json', { version: '1.0', model: bytePair, ...settings });
}

describe('encode', () => {
  it('reads a word of a million characters', () => {
    expect(tokenizer({}).encode('a'.repeat(1_000_000)).length).toBe(250_000);
    expect(tokenizer({}).encode('ab'.repeat(500_000)).length).toBe(500_000);
  });

  it('reads long runs of spaces between added tokens that take them', () => {
    const flags = { single_word: false, lstrip: true, rstrip: true, normalized: false, special: false };
    const spaced = tokenizer({ added_tokens: [{ id: 30, content: ' ', ...flags }] });
    expect(spaced.encode(' '.repeat(200_000))).toEqual([30]);
  });

  it.each([
    ['a pattern', { pre_tokenizer: split('(a+)+$') }, `${'a'.repeat(50)}b`],
    [
      'a pattern on each of many words',
      { pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, split('(a+)+$')] } },
      'aaaaaaaaaaaaaaaaab '.repeat(1000),
    ],
    [
      'a text that grows',
      { normalizer: sequence(30, { type: 'Replace', pattern: { String: 'a' }, content: 'aa' }) },
      'a',
    ],
    ['bytes of bytes', { normalizer: sequence(40, { type: 'ByteLevel' }) }, 'é'],
    [
      'a vocabulary of long tokens',
      {
        model: {
          type: 'Unigram',
          unk_id: 0,
          vocab: [
            ['<unk>', 0],
            ['a'.repeat(8000), -1],
          ],
        },
      },
      'a'.repeat(100_000),
    ],
    [
      'unknown text without a token for it',
      { model: { type: 'Unigram', unk_id: null, vocab: [['a', 0]] } },
      'b',
    ],
  ])('stops %s', (_what, settings, text) => {
    expect(() => tokenizer(settings).encode(text)).toThrow(TokenizationError);
  });
});

describe('decode', () => {
  it('stops a text that grows', () => {
    const growing = tokenizer({
      decoder: {
        type: 'Sequence',
        decoders: Array(30).fill({ type: 'Replace', pattern: { String: 'a' }, content: 'aa' }),
      },
    });
    expect(() => growing.decode([1], false)).toThrow(TokenizationError);
  });
});

function split(Regex: string): object {
  return { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false };
}

function sequence(count: number, normalizer: object): object {
  return { type: 'Sequence', normalizers: Array(count).fill(normalizer) };
}
