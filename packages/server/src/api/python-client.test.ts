import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { startFakeWorker } from '../service/__fixtures__/fake-worker.ts';
import { openTestService, trainingText } from '../service/__fixtures__/test-service.ts';

const program = fileURLToPath(new URL('./__fixtures__/whole-life.py', import.meta.url));

function hasClient(): boolean {
  try {
    execFileSync('python3', ['-c', 'import openai'], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn("skipped: OpenAI's client for Python is not here; python3 -m pip install openai brings it");
    return false;
  }
}

it.skipIf(!hasClient())('takes a fine-tune through its whole life', async () => {
  const { service, address, key } = await openTestService();
  const folder = await mkdtemp(join(tmpdir(), 'safetune-python-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'chats.jsonl');
  await writeFile(file, trainingText);
  const python = spawn('python3', [program, address, await key('one'), file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let problems = '';
  python.stderr.on('data', (text) => {
    problems += text;
  });
  const ended = new Promise<number | null>((resolve) => python.once('exit', resolve));
  let last = '';
  for await (const line of createInterface(python.stdout)) {
    // Jobs that are only queued are over by now.
    if (line === 'ready') {
      const worker = startFakeWorker(service);
      onTestFinished(() => worker.close());
    }
    last = line;
  }
  expect(await ended, problems).toBe(0);
  expect(JSON.parse(last)).toEqual({
    version: expect.stringMatching(/^\d/),
    bytes: trainingText.length,
    content: trainingText,
    statuses: ['queued', 'paused', 'queued', 'cancelled'],
    again: 'invalid_job_status',
    epochs: 2,
    jobs: [true, false],
    events: [
      ...['The job is done.', 'Step 3', 'Step 2', 'Step 1', 'The job runs.'],
      expect.stringMatching(/^Created fine-tuning job: ftjob-/),
    ],
    steps: [3, 2, 1],
    result: 'step,train_loss\n1,1\n2,0.5\n',
    listed: true,
    answer: 'one two',
    logprob: -0.5,
    streamed: 'one two',
    deleted: [true, true],
    gone: 2,
  });
});
