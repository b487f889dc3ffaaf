import { expect, it } from 'vitest';
import { SafetensorsError } from '../safetensors/errors.ts';
import { printable, someNames } from './printable.ts';

it('escapes what a terminal acts on, what is invisible and what turns text round; the rest stays', () => {
  expect(printable('größe 层 🦊')).toBe('größe 层 🦊');
  expect(printable('a\u001b[2Jb\r\n\u009b31m\u202e\u200b\u2028\ud800')).toBe(
    'a\\u001b[2Jb\\u000d\\u000a\\u009b31m\\u202e\\u200b\\u2028\\ud800',
  );
});

it('cuts what is long', () => {
  const text = printable('x'.repeat(15_000_000));
  expect(text).toHaveLength(200 + '... (15000000 characters)'.length);
  expect(printable('\u001b'.repeat(150))).toHaveLength(200 + '... (150 characters)'.length);
  expect(someNames(Array.from({ length: 1_500_000 }, (_, index) => `name${index}`))).toBe(
    'name0, name1, name2, name3, name4, name5, name6, name7 and 1499992 more',
  );
});

it('is what errors say, whatever a file calls its tensors', () => {
  const error = new SafetensorsError('entry', 'file', '\u001b]0;owned\u0007', 'is wrong');
  expect(error.message).toBe("file: tensor '\\u001b]0;owned\\u0007': is wrong");
  expect(error.tensor).toBe('\u001b]0;owned\u0007');
});
