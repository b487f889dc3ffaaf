/** The process of a job that does nothing and is quick about it. What it does when is in the file `marks` beside the folder of rooms. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobMessage, JobStart, WorkerMessage } from '../job-message.ts';

const send = (message: JobMessage) => new Promise<void>((resolve) => process.send!(message, () => resolve()));

async function run({ job, directory }: JobStart): Promise<void> {
  const mark = (what: string) =>
    appendFileSync(join(directory, '../../../marks'), `${what} ${job.id} ${job.tenant}\n`);
  mark('begins');
  const key = `models/${job.id}/${job.attempt}`;
  const path = join(directory, 'weights');
  writeFileSync(path, 'weights');
  const stored = new Promise<void>((resolve, reject) => {
    process.on('message', (message: WorkerMessage) => {
      if (message.type === 'stored') resolve();
      else if (message.type === 'not-stored') reject(new Error(message.message));
    });
  });
  await send({ type: 'put', call: 1, key: `${key}/adapter_model.safetensors`, path });
  await stored;
  await send({
    type: 'event',
    event: { level: 'info', type: 'metrics', message: 'Step 1/1', data: { step: 1 } },
  });
  const gate = {
    outcome: 'released',
    measurements: [],
    reason: 'nothing is measured',
    report: null,
  } as const;
  const model = { id: `ft:tiny:${job.id}`, jobId: job.id, base: 'tiny', status: gate.outcome, key };
  mark('ends');
  await send({ type: 'finished', gate, model, trainedTokens: 1 });
  process.exit(0);
}

process.on('message', (message: WorkerMessage) => {
  if (message.type === 'start') void run(message.start);
});
process.once('disconnect', () => process.exit(1));
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
