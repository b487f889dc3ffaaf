import { StoreError } from '../errors.ts';
import type { ListOptions } from './records.ts';

const maximumLength = 512;

/** Whether it can be the id or the tenant of a record: some text that is whole Unicode, without control characters. */
export function isRecordId(text: unknown): text is string {
  return (
    typeof text === 'string' &&
    text.length > 0 &&
    text.length <= maximumLength &&
    text.isWellFormed() &&
    !/[\p{Cc}\u2028\u2029]/u.test(text)
  );
}

/** @throws StoreError 'refused' for a record whose id or tenant cannot be one. */
export function checkRecord(kind: string, record: { readonly id: string; readonly tenant: string }): void {
  for (const field of ['id', 'tenant'] as const)
    if (!isRecordId(record[field]))
      throw new StoreError(
        kind,
        'refused',
        `the ${field} must be a text of 1 to ${maximumLength} characters without control characters`,
      );
}

/** @throws StoreError 'refused' when a change gave the record another id or tenant. */
export function checkChanged(
  kind: string,
  before: { readonly id: string; readonly tenant: string },
  after: { readonly id: string; readonly tenant: string },
): void {
  if (after.id !== before.id || after.tenant !== before.tenant)
    throw new StoreError(`${kind} ${before.id}`, 'refused', 'a record keeps its id and its tenant');
}

/** @throws RangeError for a page of no items. */
export function checkLimit({ limit }: Pick<ListOptions, 'limit'>): void {
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new RangeError(`A page has at least one item; its limit is ${limit}.`);
}
