import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiError } from '../errors.ts';
import type { KeyRecord } from '../records/key-record.ts';
import { randomText } from '../records/new-id.ts';
import type { Records } from '../records/records.ts';
import { unixTime } from '../records/unix-time.ts';

// A key names its record, so that it is found without a list of hashes: sk-safetune-<name of the record>-<secret>.
const keyForm = /^sk-safetune-([0-9A-Za-z]{16})-([0-9A-Za-z]{43})$/;

const wrongKeyCode = 'invalid_api_key';

/** A new key: what its owner is shown once, and what is kept of it. */
export function newKey(
  options: Pick<KeyRecord, 'tenant' | 'role' | 'expiresAt' | 'requestsPerMinute' | 'name'>,
): { readonly value: string; readonly record: KeyRecord } {
  const name = randomText(16);
  const value = `sk-safetune-${name}-${randomText(43)}`;
  return {
    value,
    record: {
      id: `key-${name}`,
      createdAt: unixTime(),
      sha256: hash(value).toString('hex'),
      hint: value.slice(0, 16),
      ...options,
    },
  };
}

/**
 * Whose key it is that a request brings.
 *
 * @param header as the request has it: `Bearer sk-...`.
 * @throws ApiError 401 for none, one that is not known, or is over. Which of these it is, is told only of none.
 */
export async function authenticate(header: string | undefined, records: Records): Promise<KeyRecord> {
  if (header === undefined || header === '') {
    throw new ApiError(401, 'No key was given. Send it as header: Authorization: Bearer KEY.');
  }
  const [, value = ''] = /^Bearer +(\S+)$/i.exec(header) ?? [];
  const [, name] = keyForm.exec(value) ?? [];
  const record = name === undefined ? undefined : await records.get('key', `key-${name}`);
  // Also without a record something is compared: a wrong secret takes as long as a wrong name.
  const expected = Buffer.from(record?.sha256 ?? '0'.repeat(64), 'hex');
  const isRight = timingSafeEqual(hash(value), expected);
  if (record === undefined || !isRight || (record.expiresAt !== null && record.expiresAt <= unixTime())) {
    throw new ApiError(401, 'The key is not valid: wrong, revoked or expired.', { code: wrongKeyCode });
  }
  return record;
}

/** Whether {@link authenticate} threw it because of a key that was given and opens nothing. */
export function isWrongKey(error: unknown): boolean {
  return ApiError.isInstance(error) && error.code === wrongKeyCode;
}

function hash(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
