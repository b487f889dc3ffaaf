import { StoreError } from '../errors.ts';

/** Whether it can be the id of a job in a queue. */
export function isQueuedId(id: unknown): id is string {
  return typeof id === 'string' && /^[A-Za-z][A-Za-z0-9_-]{0,127}$/.test(id);
}

/** @throws StoreError 'refused' for an id or a turn that cannot be one. */
export function checkEntry(jobId: string, turn: number): void {
  if (!isQueuedId(jobId))
    throw new StoreError(
      'queue',
      'refused',
      'the id of a job has 1 to 128 letters, digits, - and _, a letter first',
    );
  if (!Number.isSafeInteger(turn) || turn < 0)
    throw new StoreError(jobId, 'refused', `the turn of a job is a whole number from 0, not ${turn}`);
}
