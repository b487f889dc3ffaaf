/**
 * Says that a job may not be over, under the job's id. It is there before the job's record is, and goes when the job's end has been seen
 * to: its webhooks are on their way. So what is not over is found without looking at every job that ever was.
 */
export interface OpenJobRecord {
  /** Of the job. */
  readonly id: string;
  readonly tenant: string;
  /** Unix time in seconds. */
  readonly createdAt: number;
}
