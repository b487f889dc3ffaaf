export interface QueueTimes {
  /** After so many seconds without a sign of life from its worker, a job is given again. Default: 30. */
  readonly leaseSeconds?: number;
  /** How often a waiting worker looks for jobs that other processes added, in milliseconds. Default: 500. */
  readonly pollMilliseconds?: number;
}

/** @returns the length of a lease and the pause between two looks, in milliseconds. @throws RangeError for times that are none. */
export function queueTimes({ leaseSeconds = 30, pollMilliseconds = 500 }: QueueTimes): {
  readonly length: number;
  readonly pollMilliseconds: number;
} {
  if (!(leaseSeconds > 0 && leaseSeconds <= 86_400))
    throw new RangeError(`A lease lasts more than 0 seconds and at most a day, not ${leaseSeconds}.`);
  if (!(pollMilliseconds > 0 && pollMilliseconds <= 60_000))
    throw new RangeError(
      `A queue is looked at every 60,000 milliseconds or oftener, not ${pollMilliseconds}.`,
    );
  return { length: Math.ceil(leaseSeconds * 1000), pollMilliseconds };
}
