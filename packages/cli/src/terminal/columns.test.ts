import { expect, it } from 'vitest';
import { haveRoom, sideBySide } from './columns.ts';

it('puts two texts side by side, broken between words, by the width that characters have', () => {
  const text = sideBySide(
    ['left', '日本語は広い文字です、それは長い行になります\nend'],
    ['right', `one two three four five six seven eight ${'x'.repeat(40)}`],
    71,
  );
  expect(text).toBe(
    [
      `left${' '.repeat(30)} | right`,
      `${'-'.repeat(34)} | ${'-'.repeat(34)}`,
      `日本語は広い文字です、それは長い行 | one two three four five six seven`,
      `になります${' '.repeat(24)} | eight ${'x'.repeat(28)}`,
      `end${' '.repeat(31)} | ${'x'.repeat(12)}`,
    ].join('\n'),
  );
});

it('has room from 71 columns on, and none in a pipe', () => {
  expect([undefined, 70, 71, 200].map(haveRoom)).toEqual([false, false, true, true]);
});
