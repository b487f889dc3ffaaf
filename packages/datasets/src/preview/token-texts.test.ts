import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { characterTokenizer } from '../__fixtures__/chat-tokenizers.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { tokenTexts } from './token-texts.ts';

/** One token a byte; id 256 is a special token. The first token of a text loses its space, as SentencePiece has it. */
const byteTokenizer: ChatTokenizer = {
  renderChat: () => '',
  encode: (text) => [...Buffer.from(text)],
  decode(ids, { skipSpecialTokens = false } = {}) {
    const bytes = ids.flatMap((id) => (id < 256 ? [id] : skipSpecialTokens ? [] : [...Buffer.from('<s>')]));
    return Buffer.from(bytes).toString('utf8').replace(/^ /, '');
  },
  endOfTurnTokenIds: [10],
  padTokenId: 0,
};

describe('tokenTexts', () => {
  it('gives a character of several tokens to the last of them', () => {
    const texts = tokenTexts([...Buffer.from('a你😀b')], byteTokenizer).map(({ text }) => text);
    expect(texts).toEqual(['a', '', '', '你', '', '', '', '😀', 'b']);
  });

  it('keeps the space that the first token of a text would lose', () => {
    expect(tokenTexts([...Buffer.from('a b')], byteTokenizer).map(({ text }) => text)).toEqual([
      'a',
      ' ',
      'b',
    ]);
  });

  it('tells special tokens and ends of turns from text', () => {
    expect(tokenTexts([256, 97, 10], byteTokenizer)).toEqual([
      { id: 256, text: '<s>', kind: 'special' },
      { id: 97, text: 'a', kind: 'text' },
      { id: 10, text: '\n', kind: 'end-of-turn' },
    ]);
  });

  it('loses nothing: the texts together are the decoded whole, broken bytes included', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 256 }), fc.integer({ min: 32, max: 120 }))),
        (ids) => {
          const texts = tokenTexts(ids, byteTokenizer);
          expect(texts.map(({ id }) => id)).toEqual(ids);
        },
      ),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const whole = `x${text}`;
        const texts = tokenTexts([...Buffer.from(whole)], byteTokenizer);
        expect(texts.map((token) => token.text).join('')).toBe(whole);
      }),
    );
  });

  it('shows ids where nothing is decoded', () => {
    const { decode: _decode, ...silent } = characterTokenizer();
    expect(tokenTexts([2, 5], silent)).toEqual([
      { id: 2, text: '2', kind: 'end-of-turn' },
      { id: 5, text: '5', kind: 'text' },
    ]);
  });
});
