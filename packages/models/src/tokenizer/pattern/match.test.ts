import { describe, expect, it } from 'vitest';
import { TokenizationError } from '../../errors.ts';
import { WorkLimit } from '../work-limit.ts';
import { Pattern } from './match.ts';

function find(source: string, text: string): string[] {
  const work = new WorkLimit();
  work.begin(text.length);
  const matches = new Pattern(source, work).matches(text);
  return matches.flatMap((start, index) => (index % 2 === 0 ? [text.slice(start, matches[index + 1])] : []));
}

describe('a pattern', () => {
  it.each([
    ['looks ahead', '\\s+(?!\\S)|\\s+', 'a   b ', ['  ', ' ', ' ']],
    ['looks behind', '(?<=\\d)x|(?<!a|bc)y', '1x x ay bcy y', ['x', 'y']],
    ['gives nothing back when possessive', 'a++a|b', 'aaab', ['b']],
    ['gives nothing back of an atomic group', '(?>a|ab)c', 'abc ac', ['ac']],
    ['takes little when lazy', 'a+?|b{2,3}?', 'aabbb', ['a', 'a', 'bb']],
    ['repeats a repeat with {1,2}+', '(?:x{2}+)', 'xxxxx', ['xxxx']],
    ['ignores case as far as it is told', "(?i:'s)|T", "'S 'ſ t T", ["'S", "'ſ", 'T']],
    ['knows lines', '^a|b$', 'ab\nab\n', ['a', 'b', 'a', 'b']],
    ['reads characters beyond 16 bits whole', '[\\x{1F300}-\\x{1FAFF}]|.', '👍é', ['👍', 'é']],
    ['cuts classes', '[a-z&&[^aeiou]]+', 'unicode', ['n', 'c', 'd']],
    ['matches nothing between matches', 'x*', 'axb', ['', 'x', '']],
  ])('%s', (_what, source, text, expected) => {
    expect(find(source, text)).toEqual(expected);
  });

  it.each([
    '(a)\\1',
    '\\X',
    '\\R',
    '\\p{Punct}',
    '(?x)a',
    '(a*)*',
    '(?i:straße)',
    '(?i:st)',
    'a{2}?',
    '(?<=a+)b',
    '(',
    '[a',
    'a)',
    '*',
    'a{3000}',
  ])('refuses %s, by its name', (source) => {
    expect(() => find(source, 'a')).toThrow(/at \d+ of "/);
  });

  it.each([
    ['(a+)+$', `${'a'.repeat(40)}b`],
    ['(?:a|aa)+$', `${'a'.repeat(4000)}!`],
    ['\\s*[\\r\\n]', ' '.repeat(100_000)],
    ['(?:a{0,50}){0,50}b', 'a'.repeat(1000)],
    ['(?=.*x)', 'a'.repeat(100_000)],
  ])('%s stops where it would not end', (source, text) => {
    expect(() => find(source, text)).toThrow(TokenizationError);
  });

  it.each([
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ])('of real tokenizers takes few steps, on long runs too: %#', (source) => {
    for (const unit of ['a', 'A', ' ', '\n', '中', '1', '=', "'s ", 'Aa ', ' \n']) {
      const text = unit.repeat(100_000);
      const work = new WorkLimit();
      work.begin(text.length);
      const allowed = work.left;
      new Pattern(source, work).matches(text);
      expect(allowed - work.left, unit).toBeLessThan(30 * text.length);
    }
  });
});
