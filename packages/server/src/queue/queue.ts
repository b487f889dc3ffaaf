/** A job that a worker has taken, until it ends it or is believed dead. */
export interface Lease {
  readonly jobId: string;
  /** Aborted when the lease is lost: somebody else may have the job. Whoever had it stops, and writes nothing more. */
  readonly lost: AbortSignal;
  /** 'done' takes the job out of the queue; 'again' puts it back to its place. After a loss nothing happens. */
  end(outcome: 'done' | 'again'): Promise<void>;
}

export interface QueueCounts {
  readonly waiting: number;
  readonly running: number;
}

/** A worker that was seen lately. */
export interface WorkerSeen {
  readonly id: string;
  readonly jobId: string | null;
  /** Unix time in seconds. */
  readonly seenAt: number;
}

/**
 * The jobs that wait for a worker, and those that a worker has. It says who may work; what a job is and what became of it is in the
 * records.
 */
export interface Queue {
  /**
   * Adds a job; one that is there already stays where it is.
   *
   * @param jobId letters, digits, `-` and `_`, a letter first, up to 128 characters.
   * @param turn its place, a whole number from 0: smaller is sooner, equal ones in order of arrival. The service counts a tenant's own jobs that are not over:
   *   so the first jobs of all come before the second ones, and no tenant waits for all of another's.
   * @throws StoreError 'refused' for an id or a turn that is none.
   */
  add(jobId: string, turn: number): Promise<void>;
  /**
   * Waits for a job. The lease is kept alive until it ends, as long as this process lives.
   *
   * @returns undefined when the signal is aborted, or the queue is closed.
   */
  take(worker: string, signal: AbortSignal): Promise<Lease | undefined>;
  /** Takes a job out that nobody has. @returns whether it was waiting. */
  remove(jobId: string): Promise<boolean>;
  /** Whether it is in the queue, waiting or taken. */
  has(jobId: string): Promise<boolean>;
  counts(): Promise<QueueCounts>;
  workers(): Promise<readonly WorkerSeen[]>;
  close(): Promise<void>;
}
