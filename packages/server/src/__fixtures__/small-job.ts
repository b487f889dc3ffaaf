import type { JobRecord } from '../records/job-record.ts';
import { smallModel } from './small-model.ts';

/** A job that has been trained and screened. */
export const smallJob: JobRecord = {
  id: 'ftjob-1',
  tenant: 'acme',
  createdAt: 1_800_000_000,
  startedAt: 1_800_000_010,
  status: 'running',
  request: { model: 'small', training_file: 'file-1' },
  plan: {
    policySha256: 'a'.repeat(64),
    run: { model: smallModel },
    method: 'supervised',
    hyperparameters: { n_epochs: 1, batch_size: 4, learning_rate_multiplier: 1 },
    seed: 7,
    safeguards: [{ type: 'kl', strength: 0.1, by: 'policy' }],
  },
  attempt: 1,
} as unknown as JobRecord;

export const smallTrainingFile = { id: 'file-1', sha256: 'b'.repeat(64) };
