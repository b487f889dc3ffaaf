import { StorageError } from '../errors.ts';

const part = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;
const prefixPart = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,199})?$/;
const maximumLength = 800;

/**
 * Checks a key: parts of letters, digits, `-`, `_` and `.` between single `/`. No part begins with a dot, so that none means a folder
 * above, or is hidden.
 *
 * @returns its parts.
 * @throws StorageError 'refused' for anything else.
 */
export function partsOfKey(key: string): readonly string[] {
  const parts = typeof key === 'string' && key.length <= maximumLength ? key.split('/') : [];
  if (parts.length === 0 || !parts.every((name) => part.test(name))) throw refusal(key);
  return parts;
}

/** Checks the beginning of keys: like a key, but cut off anywhere; '' is the beginning of all. */
export function checkPrefix(prefix: string): void {
  const parts = typeof prefix === 'string' && prefix.length <= maximumLength ? prefix.split('/') : [];
  const last = parts.pop();
  if (last === undefined || !prefixPart.test(last) || !parts.every((name) => part.test(name)))
    throw refusal(prefix);
}

function refusal(key: unknown): StorageError {
  return new StorageError(
    JSON.stringify(String(key).slice(0, 100)),
    'refused',
    'a key has parts of letters, digits, - _ and . between single /; no part begins with a dot',
  );
}
