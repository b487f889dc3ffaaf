import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { goldenDirectory, temporaryDirectory } from '../__fixtures__/goldens.ts';
import { loadTokenizer, type Tokenizer } from '../tokenizer.ts';
import { answerText, textOfAnswer } from './answer-text.ts';
import { incrementalText } from './incremental-text.ts';
import { wholeGraphemes } from './whole-graphemes.ts';

const family = '👨‍👩‍👧‍👦';
const texts = [
  'Plain words, then more.',
  `Emoji 🌹 and ${family} and 🇩🇪🇫🇷 in a row`,
  'e\u0301 and नमस्ते and 각 and กำ',
  'line\nline\r\nline\n',
  '日本語とcafé',
];

/** Boundaries between the characters that a reader sees. */
function boundaries(text: string): Set<number> {
  const segments = new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text);
  return new Set([...segments].map(({ index }) => index).concat(text.length));
}

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await loadTokenizer(goldenDirectory('qwen2-tied-bfloat16'));
});

describe('an answer as it comes', () => {
  it.each(texts)('of %j has whole characters in each piece, and is the text', (given) => {
    const tokens = tokenizer.encode(given);
    // This tokenizer composes accents.
    const text = tokenizer.decode(tokens);
    // The small vocabulary splits characters.
    if (/[^\p{ASCII}]/u.test(text)) expect(tokens.length).toBeGreaterThan([...text].length / 2);
    const answer = answerText(tokenizer);
    const pieces = [...tokens.map((token) => answer.push(token)), answer.end()];
    expect(pieces.join('')).toBe(text);
    const whole = boundaries(text);
    let length = 0;
    for (const piece of pieces) {
      length += piece.length;
      expect(whole.has(length), `a piece ends at ${length}`).toBe(true);
    }
    expect(pieces.filter((piece) => piece !== '').length).toBeGreaterThan(3);
  });

  it('gives the bytes of an emoji only with the last of its tokens', () => {
    const tokens = tokenizer.encode('🌹.');
    expect(tokens.length).toBeGreaterThan(2);
    const text = incrementalText(tokenizer);
    const pieces = tokens.map((token) => text.push(token));
    expect(pieces.filter((piece) => piece !== '')).toEqual(['🌹', '.']);
    expect(text.end()).toBe('');
  });

  it('shows at its end what never became a character', () => {
    const [first] = tokenizer.encode('🌹');
    const answer = answerText(tokenizer);
    expect([answer.push(first!), answer.end()]).toEqual(['', tokenizer.decode([first!])]);
  });

  it('is the text of all tokens, whatever they are', () => {
    const size = tokenizer.tokenId('<|im_start|>')!;
    fc.assert(
      fc.property(fc.array(fc.nat(size + 10), { maxLength: 40 }), (tokens) => {
        const answer = answerText(tokenizer);
        const pieces = tokens.map((token) => answer.push(token));
        expect(pieces.join('') + answer.end()).toBe(tokenizer.decode(tokens, { skipSpecialTokens: true }));
      }),
    );
  });

  it('ends before a stop string that lies across tokens, as the whole answer does', () => {
    const text = 'The roses are red.\n\nThe violets';
    const tokens = tokenizer.encode(text);
    for (const stop of ['\n\n', 'red.', 'violet', 'es a', '.\n\nT']) {
      const expected = text.slice(0, text.indexOf(stop));
      const answer = answerText(tokenizer, [stop]);
      expect(tokens.map((token) => answer.push(token)).join('') + answer.end()).toBe(expected);
      expect(textOfAnswer(tokens, tokenizer, [stop])).toBe(expected);
    }
  });
});

describe('a tokenizer of single bytes where it knows no word, as SentencePiece makes them', () => {
  const directory = temporaryDirectory();
  let bytes: Tokenizer;
  beforeAll(async () => {
    const names = ['<unk>', ...Array.from({ length: 256 }, (_, byte) => byteName(byte)), '▁', ...'abcdn'];
    const vocab = Object.fromEntries(names.map((name, id) => [name, id]));
    const replace = (from: string, to: string) => ({
      type: 'Replace',
      pattern: { String: from },
      content: to,
    });
    const content = {
      normalizer: replace(' ', '▁'),
      model: { type: 'BPE', unk_token: '<unk>', fuse_unk: true, byte_fallback: true, vocab, merges: [] },
      decoder: {
        type: 'Sequence',
        decoders: [replace('▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }],
      },
    };
    await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(content));
    bytes = await loadTokenizer(directory);
  });
  const byteName = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

  it('gives each character once it is whole, also beside others of bytes', () => {
    const tokens = bytes.encode('a ᚠᛇ🌹 and');
    expect(tokens).toHaveLength(2 + 3 + 3 + 4 + 4);
    const text = incrementalText(bytes);
    const pieces = tokens.map((token) => text.push(token)).filter((piece) => piece !== '');
    expect(pieces).toEqual([...'a ᚠᛇ🌹 and']);
    expect(text.end()).toBe('');
  });

  it('shows what never becomes a character, and keeps what was one', () => {
    const [, , , , , ...rest] = bytes.encode('a ᚠᛇ');
    const text = incrementalText(bytes);
    const cut = [...bytes.encode('a ᚠ'), rest[0]!];
    expect(cut.map((token) => text.push(token)).join('') + text.end()).toBe('a ᚠ\ufffd');
    const broken = incrementalText(bytes);
    const tokens = [...bytes.encode('a ᚠ'), rest[0]!, ...bytes.encode('b')];
    expect(tokens.map((token) => broken.push(token)).join('')).toBe('a ᚠ\ufffdb');
  });
});

it('a line is given as soon as it is whole, and a letter when the next has come', () => {
  const graphemes = wholeGraphemes();
  const pieces = ['a', 'b\n', 'e', '\u0301', 'f', '\r', '\n'].map((piece) => graphemes.push(piece));
  expect(pieces).toEqual(['', 'ab\n', '', '', 'e\u0301', 'f', '\r\n']);
});
