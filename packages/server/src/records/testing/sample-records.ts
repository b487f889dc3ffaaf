import type { FileRecord } from '../file-record.ts';
import type { JobEvent } from '../job-event.ts';
import type { JobRecord } from '../job-record.ts';

/** A file's record as it could be, but for what is given. */
export function sampleFile(fields: Partial<FileRecord> & Pick<FileRecord, 'id'>): FileRecord {
  return {
    tenant: 'acme',
    createdAt: 1_767_225_600,
    filename: 'chats.jsonl',
    purpose: 'fine-tune',
    bytes: 0,
    sha256: '0'.repeat(64),
    key: `files/${fields.id}`,
    ...fields,
  };
}

/** A job's record as it could be, but for what is given. */
export function sampleJob(fields: Partial<JobRecord> & Pick<JobRecord, 'id'>): JobRecord {
  return {
    tenant: 'acme',
    createdAt: 1_767_225_600,
    startedAt: null,
    finishedAt: null,
    estimatedFinish: null,
    status: 'queued',
    wanted: 'run',
    request: { model: 'small', training_file: 'file-1' } as JobRecord['request'],
    plan: { policySha256: '0'.repeat(64), safeguards: [] } as unknown as JobRecord['plan'],
    attempt: 0,
    worker: null,
    state: null,
    trainedTokens: null,
    screening: null,
    gate: null,
    fineTunedModel: null,
    resultFiles: [],
    checkpoints: [],
    error: null,
    ...fields,
  };
}

/** A job's event that says so. */
export function sampleEvent(message: string): Omit<JobEvent, 'number'> {
  return { createdAt: 1_767_225_600, level: 'info', type: 'message', message, data: null };
}
