import { describe, expect, test } from 'vitest';
import { redactor, redactText } from './redact.ts';

describe('redactText', () => {
  test.each([
    ['http://user:secret@host:8000/v1 failed', 'http://[redacted]@host:8000/v1 failed'],
    ['https://user:p@ss@host/v1', 'https://[redacted]@host/v1'],
    ['authorization: Bearer abc', 'authorization: Bearer [redacted]'],
    ['{"authorization":"Basic dXNlcjpw","x":1}', '{"authorization":"Basic [redacted]","x":1}'],
    ["'x-api-key': 'abc-def'", "'x-api-key': '[redacted]'"],
    ['?api_key=abc&model=m', '?api_key=[redacted]&model=m'],
    ['token Bearer abc123xyz is expired', 'token Bearer [redacted] is expired'],
    ['Incorrect API key provided: sk-proj-0123456789', 'Incorrect API key provided: [redacted]'],
    ['hf_abcdefghijk', '[redacted]'],
  ])('%s', (text, shown) => expect(redactText(text)).toBe(shown));

  test.each([
    'HTTP 500: a basic understanding of bearer tokens is expected',
    'http://127.0.0.1:8000/v1: connection failed (ECONNREFUSED)',
    'task-specific models, sk- and all',
  ])('leaves %s as it is', (text) => expect(redactText(text)).toBe(text));

  test('takes time in proportion to the text', () => {
    for (const part of ['bearer ', 'http://', 'password=', 'sk-', 'a@', '"'])
      expect(redactText(part.repeat(50_000)).length).toBeLessThan(800_000);
  });
});

test('an endpoint’s own secrets are found in every usual writing', () => {
  const { message, content } = redactor(['p"ä/ss word1', 'none']);
  const base64 = Buffer.from('p"ä/ss word1').toString('base64');
  for (const text of [
    'p"ä/ss word1',
    JSON.stringify('p"ä/ss word1').slice(1, -1),
    'p%22%C3%A4%2Fss%20word1',
    base64,
  ]) {
    expect(message(`<${text}>`)).toBe('<[redacted]>');
    expect(content(`<${text}>`)).toBe('<[redacted]>');
  }
  // The key of a local server, which a model may well write.
  expect(message('none')).toBe('[redacted]');
  expect(content('none')).toBe('none');
  expect(content('Bearer of bad news: http://a:b@c')).toBe('Bearer of bad news: http://a:b@c');
});
