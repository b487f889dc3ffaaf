import type { GateVerdict } from '../gate/gate-verdict.ts';
import type { JobEvent } from '../records/job-event.ts';
import type { JobCheckpoint, SavedState } from '../records/job-record.ts';
import type { ModelRecord } from '../records/model-record.ts';
import type { ScreeningVerdict } from '../screening/screening-verdict.ts';

/**
 * What the process of a job tells the worker that started it. The worker alone writes records, and only while the job is its own; what
 * the process puts into the storage counts when a record names it.
 */
export type JobMessage =
  | { readonly type: 'event'; readonly event: Omit<JobEvent, 'number'> }
  | { readonly type: 'screened'; readonly verdict: ScreeningVerdict }
  | { readonly type: 'progress'; readonly estimatedFinish: number | null; readonly trainedTokens: number }
  /** The state after a step is in the storage. */
  | { readonly type: 'state'; readonly state: SavedState; readonly checkpoint?: JobCheckpoint }
  | { readonly type: 'result-file'; readonly file: ResultFile }
  | {
      readonly type: 'finished';
      readonly gate: GateVerdict;
      readonly model: Omit<ModelRecord, 'tenant' | 'createdAt'>;
      readonly trainedTokens: number;
    }
  /** Stopped because it was told to; its state has been told. */
  | { readonly type: 'stopped' }
  | {
      readonly type: 'failed';
      readonly code: string;
      readonly message: string;
      readonly param: string | null;
    };

/** A file that the process has put into the storage for the job's owner. */
export interface ResultFile {
  readonly id: string;
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly key: string;
}

/** What the worker tells the process. */
export type WorkerMessage = { readonly type: 'stop' };
