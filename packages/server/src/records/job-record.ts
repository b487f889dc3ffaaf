import type { GateVerdict } from '../gate/gate-verdict.ts';
import type { JobPlan } from '../policy/job-plan.ts';
import type { JobRequest } from '../policy/job-request.ts';
import type { ScreeningVerdict } from '../screening/screening-verdict.ts';

export type JobStatus =
  | 'validating_files'
  | 'queued'
  | 'running'
  | 'paused'
  | 'succeeded'
  | 'failed'
  | 'cancelled';

/** Statuses after which nothing happens any more. */
export const finalStatuses: ReadonlySet<JobStatus> = new Set(['succeeded', 'failed', 'cancelled']);

/** The state that a run goes on from, which some attempt has put into the storage. */
export interface SavedState {
  /** Prefix in the storage of what must be in the run's directory. */
  readonly key: string;
  readonly step: number;
}

/** A fine-tuning job. */
export interface JobRecord {
  /** `ftjob-...` */
  readonly id: string;
  readonly tenant: string;
  /** Unix times in seconds. */
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly estimatedFinish: number | null;
  readonly status: JobStatus;
  /** What the owner wants of it; the worker that has it sees it within a second or two. */
  readonly wanted: 'run' | 'pause' | 'cancel';
  /** As it was asked for. */
  readonly request: JobRequest;
  /** What the policy made of it when it was created: what is trained, and which safeguards act. A later policy changes no job. */
  readonly plan: JobPlan;
  /**
   * How often a worker has taken it. A worker may change a job only while this is the number that it took it with: one that was
   * believed dead and goes on cannot write.
   */
  readonly attempt: number;
  /** The worker that has it. */
  readonly worker: string | null;
  readonly state: SavedState | null;
  /** How often its process died since the last state was saved. Default 0. */
  readonly crashes?: number;
  /** How often it was found with a worker that had died, since then. Default 0. */
  readonly abandoned?: number;
  readonly trainedTokens: number | null;
  readonly screening: ScreeningVerdict | null;
  readonly gate: GateVerdict | null;
  readonly fineTunedModel: string | null;
  /** Ids of files. */
  readonly resultFiles: readonly string[];
  readonly checkpoints: readonly JobCheckpoint[];
  readonly error: { readonly code: string; readonly message: string; readonly param: string | null } | null;
}

/** A checkpoint as the API lists it. It is no model to talk to: the gate looks at the end alone. */
export interface JobCheckpoint {
  /** `ftckpt_...` */
  readonly id: string;
  readonly createdAt: number;
  readonly step: number;
  readonly metrics: Readonly<Record<string, number>>;
}
