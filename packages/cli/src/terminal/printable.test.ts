import { expect, it } from 'vitest';
import { printable, printableName } from './printable.ts';

it('makes visible whatever could command a terminal, and leaves text as it is', () => {
  expect(printable('a\u001b[31mred\u001b]0;title\u0007\r\u009b2J\u202etxt')).toBe(
    'a\\x1b[31mred\\x1b]0;title\\x07\\x0d\\x9b2J\\u{202e}txt',
  );
  expect(printable('Größe 猫 🐈\tx\ny')).toBe('Größe 猫 🐈\tx\ny');
  expect(printableName('one\ntwo\tthree')).toBe('one\\x0atwo\\x09three');
});
