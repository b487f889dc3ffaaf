import type { SigningKey } from '../evidence/signing-key.ts';

export interface RunWorkerOptions {
  /** Its name in the queue and in the records; unlike any other's. */
  readonly id: string;
  /** Ends it: a job that it has saves its state and goes back to its place in the queue. */
  readonly signal: AbortSignal;
  /** Folder for what jobs work with. Workers of one machine may share it. */
  readonly scratch: string;
  /** The module that runs a job. Default: the one of this package. */
  readonly jobProgram?: URL;
  /** How long a job may go on after it was told to stop, in milliseconds. Default 60,000: a step of a large model takes a while. */
  readonly graceMilliseconds?: number;
  /** How often it is looked what a job's owner wants, in milliseconds. Default 1000. */
  readonly pollMilliseconds?: number;
  /** The key that manifests are signed with, which may be another one for each model. Without it nobody signs them. */
  readonly signingKey?: () => Promise<SigningKey>;
  /** Hears what the owners of jobs are not told. Default: nobody. */
  readonly onProblem?: (problem: string) => void;
}
