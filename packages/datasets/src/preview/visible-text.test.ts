import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { visiblePieces } from './visible-text.ts';

const shown = (text: string) =>
  visiblePieces(text)
    .map((piece) => (piece.isName ? `[${piece.text}]` : piece.text))
    .join('');

describe('visiblePieces', () => {
  it.each([
    ['plain text', 'plain text'],
    ['a\nb\tc', 'a[↵]\nb[⇥]c'],
    ['a\u200bb\u202ec\u00a0d', 'a[U+200B]b[U+202E]c[U+00A0]d'],
    ['\u001b[31m\r', '[U+001B][31m[U+000D]'],
    ['\u{e0041}\u{e0100}\ufe0f\u3164', '[U+E0041][U+E0100][U+FE0F][U+3164]'],
    ['\ud800', '[U+D800]'],
    ['你好 é 😀', '你好 é 😀'],
  ])('%j', (text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  it('leaves nothing that commands a terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const pieces = visiblePieces(text).map((piece) => piece.text);
        expect(pieces.join('').replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});
