import { expect, test } from 'vitest';
import { figureList, wrapped } from './figure-list.ts';

const header = ['run', 'answers', 'misaligned'];
const rows = [
  ['no defense', '8', '57.1 % (4/7) [25.0, 84.2]'],
  ['kl=0.1', '8', '12.5 % (1/8) [2.2, 47.1]'],
];

test('the figures of a row stand below its name, broken where they are wider', () => {
  expect(figureList(header, rows, 32)).toBe(
    [
      'no defense',
      '  answers     8',
      '  misaligned  57.1 % (4/7)',
      '              [25.0, 84.2]',
      '',
      'kl=0.1',
      '  answers     8',
      '  misaligned  12.5 % (1/8) [2.2,',
      '              47.1]',
    ].join('\n'),
  );
});

test('where there is hardly room for two columns, there is one', () => {
  expect(figureList(header, rows.slice(0, 1), 20)).toBe(
    ['no defense', '  answers', '    8', '  misaligned', '    57.1 % (4/7)', '    [25.0, 84.2]'].join('\n'),
  );
});

test('lines are broken between words', () => {
  expect(wrapped('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrapped('incomprehensibilities', 5)).toEqual(['incomprehensibilities']);
});
