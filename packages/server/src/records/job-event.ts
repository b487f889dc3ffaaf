/** Something that happened in a job, as its owner is told of it. */
export interface JobEvent {
  /** Counted from 1 within the job. */
  readonly number: number;
  /** Unix time in seconds. */
  readonly createdAt: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly type: 'message' | 'metrics';
  readonly message: string;
  /** Of `metrics`: step, train_loss, the penalties by name, and so on. */
  readonly data: Readonly<Record<string, number | string | null>> | null;
}
