import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { JobRecord } from '../records/job-record.ts';
import type { Records } from '../records/records.ts';
import { openSqliteRecords } from '../records/sqlite-records.ts';
import { sampleJob } from '../records/testing/sample-records.ts';
import { createJobTally } from './tally-jobs.ts';

async function openRecords(): Promise<Records> {
  const directory = await mkdtemp(join(tmpdir(), 'safetune-tally-'));
  const records = await openSqliteRecords(join(directory, 'records.sqlite'));
  onTestFinished(async () => {
    await records.close();
    await rm(directory, { recursive: true });
  });
  return records;
}

const job = (id: string, fields: Partial<JobRecord> = {}) =>
  sampleJob({
    ...{
      id,
      status: 'queued',
      trainedTokens: null,
      state: null,
      checkpoints: [],
      gate: null,
      screening: null,
    },
    ...fields,
  });
const done = (tokens: number, outcome: 'released' | 'refused') =>
  ({
    status: 'succeeded',
    trainedTokens: tokens,
    state: { key: 'x', step: 40 },
    gate: { outcome, measurements: [], reason: '', report: null },
  }) as const;

it('counts jobs by what became of them, and reads those that are over once', async () => {
  const records = await openRecords();
  const read: string[] = [];
  const tally = createJobTally({
    ...records,
    get: (kind, id) => {
      read.push(id);
      return records.get(kind, id);
    },
    list: (kind, options) => records.list(kind, options),
  });
  await records.insert('job', job('ftjob-1', done(100, 'released')));
  await records.insert('job', job('ftjob-2', { status: 'running', trainedTokens: 5 }));
  await records.insert('job', job('ftjob-3'));
  const first = await tally();
  expect(Object.fromEntries(first.statuses)).toEqual({ succeeded: 1, running: 1, queued: 1 });
  expect(first).toMatchObject({ trainedTokens: 105, trainedSteps: 40 });
  await records.change('job', 'ftjob-2', (now) => ({ ...now, ...done(50, 'refused') }));
  await records.insert('job', job('ftjob-4', { status: 'failed' }));
  const second = await tally();
  expect(Object.fromEntries(second.statuses)).toEqual({ succeeded: 2, failed: 1, queued: 1 });
  expect(Object.fromEntries(second.gate)).toEqual({ released: 1, refused: 1 });
  expect(second).toMatchObject({ trainedTokens: 150, trainedSteps: 80 });
  read.length = 0;
  expect(await tally()).toEqual(second);
  // The last of the list, and the one that is not over.
  expect(read).toEqual(['ftjob-4', 'ftjob-3']);
});

it('counts anew when the last job it saw was taken back', async () => {
  const records = await openRecords();
  const tally = createJobTally(records);
  await records.insert('job', job('ftjob-1', { status: 'cancelled' }));
  await records.insert('job', job('ftjob-2'));
  await tally();
  await records.remove('job', 'ftjob-2');
  await records.insert('job', job('ftjob-3', { status: 'paused' }));
  expect(Object.fromEntries((await tally()).statuses)).toEqual({ cancelled: 1, paused: 1 });
});
