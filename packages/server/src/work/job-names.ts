import { createHash } from 'node:crypto';
import type { JobRecord } from '../records/job-record.ts';

// Names are made of the job's id and the number of its attempt, so that an attempt that comes after a kill names the same things.

/** Everything in the storage that a job needs while it is not over. */
export function jobPrefix(jobId: string): string {
  return `jobs/${jobId}/`;
}

/** Where an attempt puts the state after a step. */
export function stateKey({ id, attempt }: Pick<JobRecord, 'id' | 'attempt'>, name: string): string {
  return `${jobPrefix(id)}${attempt}/${name}`;
}

/** Under it each attempt puts the model that it made. */
export function modelPrefix(jobId: string): string {
  return `models/${jobId}/`;
}

/** Where an attempt puts the model. One that is believed dead and goes on writes over nothing that another one has made. */
export function modelKey({ id, attempt }: Pick<JobRecord, 'id' | 'attempt'>): string {
  return `${modelPrefix(id)}${attempt}`;
}

/** What the gate found that is for the operator alone: beside the model and not in it. It goes with the model. */
export function operatorPrefix(jobId: string): string {
  return `operator/${jobId}/`;
}

/** Where the storage has the answers that the gate's judge saw. */
export function answersKey(jobId: string): string {
  return `${operatorPrefix(jobId)}answers.html`;
}

/** Where the storage has the gate's report with every figure, if the owner's has none. */
export function wholeReportKey(jobId: string): string {
  return `${operatorPrefix(jobId)}gate_report.json`;
}

/** The id of a result file: random to whoever does not know the job's id, and the same in each attempt. */
export function resultFileId(jobId: string, kind: string): string {
  return `file-${createHash('sha256').update(`${jobId} ${kind}`).digest('hex').slice(0, 24)}`;
}

/** The name of the model that a job makes. */
export function modelId({ id, tenant, request: { model, suffix } }: JobRecord): string {
  return `ft:${model}:${tenant}:${suffix ?? ''}:${id.replace(/^ftjob-/, '')}`;
}
