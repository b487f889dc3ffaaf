import type { GateVerdict } from '../gate/gate-verdict.ts';
import type { Policy } from '../policy/policy-schema.ts';
import type { FileRecord } from '../records/file-record.ts';
import type { JobEvent } from '../records/job-event.ts';
import type { JobCheckpoint, JobRecord, SavedState } from '../records/job-record.ts';
import type { ModelRecord } from '../records/model-record.ts';
import type { ScreeningVerdict } from '../screening/screening-verdict.ts';
import type { StoredContent } from '../storage/storage.ts';

/**
 * What the process of a job tells the worker that started it. The worker alone writes records, and only while the job is its own; what
 * the process puts into the storage counts when a record names it.
 */
export type JobMessage =
  /** An event with a text or a step that the job has already is the same one, told again by a later attempt. */
  | { readonly type: 'event'; readonly event: Omit<JobEvent, 'number' | 'createdAt'> }
  | { readonly type: 'screened'; readonly verdict: ScreeningVerdict }
  | { readonly type: 'progress'; readonly estimatedFinish: number | null; readonly trainedTokens: number }
  /** The state after a step is in the storage; the checkpoints are those up to there that have not been told. */
  | {
      readonly type: 'state';
      readonly state: SavedState;
      readonly checkpoints: readonly Omit<JobCheckpoint, 'createdAt'>[];
    }
  | { readonly type: 'result-file'; readonly file: ResultFile }
  | {
      readonly type: 'finished';
      readonly gate: GateVerdict;
      readonly model: Omit<ModelRecord, 'tenant' | 'createdAt'>;
      readonly trainedTokens: number;
    }
  /** Stopped because it was told to; its state has been told. */
  | { readonly type: 'stopped' }
  /** The job cannot be done, however often it is tried. */
  | {
      readonly type: 'failed';
      readonly code: string;
      readonly message: string;
      readonly param: string | null;
      /** For the log of the service alone. */
      readonly detail?: string;
    }
  /** Something that only the log of the service is told. */
  | { readonly type: 'problem'; readonly reason: string }
  /**
   * This attempt failed by no fault of the job's; the process ends. `reason` is for the log of the service alone, `told` for the owner of a
   * job that is given up for it.
   */
  | { readonly type: 'crashed'; readonly reason: string; readonly told?: string }
  | StorageCall;

/**
 * The process has no access to the storage of its own, and so holds no key of it: the worker, whose files it shares, carries contents for
 * it.
 */
export type StorageCall =
  | { readonly type: 'put'; readonly call: number; readonly key: string; readonly path: string }
  | { readonly type: 'fetch'; readonly call: number; readonly key: string; readonly path: string }
  | { readonly type: 'list'; readonly call: number; readonly prefix: string };

/** A file that the process has put into the storage for the job's owner. */
export interface ResultFile {
  /** The same in each attempt. */
  readonly id: string;
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly key: string;
}

/** What a job's process has to do. */
export interface JobStart {
  /** As the worker took it. */
  readonly job: JobRecord;
  readonly policy: Policy;
  readonly trainingFile: Pick<FileRecord, 'id' | 'filename' | 'key' | 'sha256'>;
  readonly validationFile: Pick<FileRecord, 'id' | 'filename' | 'key' | 'sha256'> | null;
  /** Empty, and this attempt's own. */
  readonly directory: string;
}

/** What the worker tells the process. */
export type WorkerMessage =
  | { readonly type: 'start'; readonly start: JobStart }
  | { readonly type: 'stop' }
  | StorageAnswer;

/** What became of a {@link StorageCall}. */
export type StorageAnswer =
  | {
      readonly type: 'stored';
      readonly call: number;
      readonly content: StoredContent | null;
      readonly keys: readonly string[];
    }
  | { readonly type: 'not-stored'; readonly call: number; readonly message: string };
