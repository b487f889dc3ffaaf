import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { endpointAddress } from './address.ts';

beforeEach(() => vi.stubEnv('OPENAI_API_KEY', ''));
afterEach(() => vi.unstubAllEnvs());

describe('endpointAddress', () => {
  test.each([
    ['http://127.0.0.1:8000/v1', 'http://127.0.0.1:8000/v1'],
    ['http://127.0.0.1:8000/v1/', 'http://127.0.0.1:8000/v1'],
    ['http://127.0.0.1:8000/v1/chat/completions', 'http://127.0.0.1:8000/v1'],
    ['https://host', 'https://host'],
  ])('%s is asked at its chat/completions', (url, shown) => {
    const address = endpointAddress(url, undefined);
    expect(address.shown).toBe(shown);
    expect(address.completions.href).toBe(`${shown}/chat/completions`);
    expect(address.authorization).toBeUndefined();
    expect(address.secrets).toEqual([]);
  });

  test('sends the key it is given, or the one of the environment', () => {
    vi.stubEnv('OPENAI_API_KEY', 'from-environment');
    expect(endpointAddress('http://h/v1', 'given').authorization).toBe('Bearer given');
    expect(endpointAddress('http://h/v1', undefined).authorization).toBe('Bearer from-environment');
    expect(endpointAddress('http://h/v1', '').authorization).toBeUndefined();
  });

  test('sends credentials of the address as basic authentication, and shows them nowhere', () => {
    vi.stubEnv('OPENAI_API_KEY', 'from-environment');
    const address = endpointAddress(
      'http://user:pass%20word@host/v1?api-key=query-secret&version=2#x',
      undefined,
    );
    expect(address.authorization).toBe(`Basic ${Buffer.from('user:pass word').toString('base64')}`);
    expect(address.shown).toBe('http://host/v1');
    expect(address.completions.href).toBe('http://host/v1/chat/completions?api-key=query-secret&version=2');
    expect(address.secrets).toEqual(expect.arrayContaining(['pass word', 'pass%20word', 'query-secret']));
    expect(address.secrets).not.toContain('2');
  });

  test.each([
    ['localhost:8000', undefined, 'is not the address'],
    ['ftp://user:secret@host', undefined, 'is not the address'],
    ['http://user:secret@host', 'key', 'one or the other'],
    ['http://host', 'sec\nret', 'a line break'],
  ])('refuses %s, without its secrets', (url, key, message) => {
    expect(() => endpointAddress(url, key)).toThrow(message);
    expect(() => endpointAddress(url, key)).toThrow(InvalidOptionError);
    expect(() => endpointAddress(url, key)).not.toThrow(/secret/);
  });
});
