import { expect, test } from 'vitest';
import { terminalTable } from './terminal-table.ts';

const table = {
  heading: 'Rates',
  columns: ['run', 'group', 'misaligned', '95 %', 'answers'],
  rows: [
    ['none', 'all', '57.1 % (4/7)', '1.0 to 99.0', '8'],
    ['kl', 'all', '0.0 % (0/8)', '0.0 to 50.0', '8'],
  ],
  keys: 2,
};

test('a table that fits is one', () => {
  expect(terminalTable(table, undefined)).toBe(terminalTable(table, 80));
  expect(terminalTable(table, 80).split('\n')).toEqual([
    'run   group    misaligned         95 %  answers',
    '----  -----  ------------  -----------  -------',
    'none    all  57.1 % (4/7)  1.0 to 99.0        8',
    'kl      all   0.0 % (0/8)  0.0 to 50.0        8',
  ]);
});

test('a wider one is broken between columns, and an interval stays with its rate', () => {
  expect(terminalTable(table, 40).split('\n')).toEqual([
    'run   group    misaligned         95 %',
    '----  -----  ------------  -----------',
    'none    all  57.1 % (4/7)  1.0 to 99.0',
    'kl      all   0.0 % (0/8)  0.0 to 50.0',
    '',
    'run   group  answers',
    '----  -----  -------',
    'none    all        8',
    'kl      all        8',
  ]);
});

test('where not even that fits, figures stand below each other', () => {
  const list = terminalTable(table, 32);
  expect(list.split('\n').slice(0, 3)).toEqual([
    'none, all',
    '  misaligned  57.1 % (4/7)',
    '  95 %        1.0 to 99.0',
  ]);
  for (const line of list.split('\n')) expect(line.length).toBeLessThanOrEqual(32);
});

test('nothing hostile is printed', () => {
  expect(terminalTable({ ...table, rows: [['\u001b[2J', 'a', 'b', 'c', 'd']] }, 80)).not.toContain('\u001b');
});
