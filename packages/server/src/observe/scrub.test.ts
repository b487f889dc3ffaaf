import { expect, it } from 'vitest';
import { scrub, withoutQuotes } from './scrub.ts';

it.each([
  ['{"a":"sk-safetune-abcdefgh12345678-xyz"}', '{"a":"[key]"}'],
  ['Authorization: Bearer abc.def, x', 'Authorization: Bearer [key], x'],
  ['redis://user:pa55@redis:6379/0', 'redis://[login]@redis:6379/0'],
  ['redis://:pa55@redis', 'redis://[login]@redis'],
  [
    'http://store/b?X-Amz-Credential=AK%2F1&X-Amz-Signature=ff0&x=1',
    'http://store/b?X-Amz-Credential=[secret]&X-Amz-Signature=[secret]&x=1',
  ],
  ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw failed', '[secret] failed'],
  ['nothing of the kind, at http://example.com/a@b', 'nothing of the kind, at http://example.com/a@b'],
])('takes secrets out of %s', (line, expected) => {
  expect(scrub(line)).toBe(expected);
});

it('takes out of a message what it quotes', () => {
  let message = '';
  try {
    JSON.parse('my secret prompt');
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toContain('my secret');
  expect(withoutQuotes(message)).not.toContain('secret');
  expect(withoutQuotes("it isn't 'a text' of \"two")).toBe("it isn't [text] of [text]");
  expect(withoutQuotes('x'.repeat(9999))).toHaveLength(503);
});

it('takes a line of any length in time that grows with it', () => {
  for (const part of ['sk-', 'bearer ', 'a://', '"', "'", 'X-Amz-Signature='])
    expect(scrub(part.repeat(100_000)).length + withoutQuotes(part.repeat(100_000)).length).toBeGreaterThan(
      0,
    );
});
