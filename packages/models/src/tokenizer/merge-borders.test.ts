import { describe, expect, it } from 'vitest';
import { MergeBorders } from './merge-borders.ts';
import { TextTokenizer } from './text-tokenizer.ts';

const tokens = ['a', 'b', 'c', ' ', '>', '<', ' a', ' ab', '> <', ' <', 'ac', '😀', 'b😀'];
const merges = [
  [' ', 'a'],
  [' a', 'b'],
  [' ', '<'],
  ['>', ' <'],
  ['a', 'c'],
  ['b', '😀'],
] as const;
const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));

/** Tokens of a text, by a model of the vocabulary above. */
function tokensOf(text: string, model: object = {}): string[] {
  const tokenizer = new TextTokenizer('tokenizer.json', { model: { type: 'BPE', vocab, merges, ...model } });
  return tokenizer.encode(text).map((id) => tokens[id]!);
}

function pieces(text: string): string[] {
  const borders = new MergeBorders(tokens);
  for (const [left, right] of merges) borders.join(left, right);
  const found: string[] = [];
  for (let start = 0; start < text.length; ) {
    const end = borders.next(text, start);
    found.push(text.slice(start, end));
    start = end;
  }
  return found;
}

describe('MergeBorders', () => {
  it('cuts where no merge brings two characters together', () => {
    expect(pieces('a ab ab')).toEqual(['a', ' ab', ' ab']);
    expect(pieces('a> <a')).toEqual(['a', '> <', 'a']);
    expect(pieces('cba')).toEqual(['c', 'b', 'a']);
  });

  it('does not cut beside what is no symbol of one UTF-16 unit', () => {
    expect(pieces('bxa')).toEqual(['bxa']);
    expect(pieces('cb😀ba')).toEqual(['c', 'b😀b', 'a']);
  });
});

describe('encode, cut at borders', () => {
  it('merges within the pieces', () => {
    expect(tokensOf('a ab ab> <ac')).toEqual(['a', ' ab', ' ab', '> <', 'ac']);
    expect(tokensOf('ab😀c')).toEqual(['a', 'b😀', 'c']);
  });

  it('merges over characters without a token, which are left out', () => {
    // 'b' and 'x' cannot merge; nor can 'x' and '😀'; but without the 'x' the two others are neighbours.
    expect(tokensOf('abx😀')).toEqual(['a', 'b😀']);
    expect(tokensOf('axc')).toEqual(['ac']);
  });

  it('fuses unknown characters, and no known ones between them', () => {
    const model = { unk_token: '>', fuse_unk: true };
    expect(tokensOf('bxyb', model)).toEqual(['b', '>', 'b']);
    expect(tokensOf('xbay', model)).toEqual(['>', 'b', 'a', '>']);
  });

  it('takes a whole word that is a token before it cuts', () => {
    expect(tokensOf('> <', { merges: [], ignore_merges: true })).toEqual(['> <']);
    expect(tokensOf('> <', { merges: [] })).toEqual(['>', ' ', '<']);
  });

  it('does not cut where tokens have a prefix', () => {
    const prefixed = { a: 0, '##b': 1, ab: 2, '##c': 3 };
    const tokenizer = new TextTokenizer('tokenizer.json', {
      model: { type: 'BPE', vocab: prefixed, merges: [['a', '##b']], continuing_subword_prefix: '##' },
    });
    expect(tokenizer.encode('abc')).toEqual([2, 3]);
  });
});
