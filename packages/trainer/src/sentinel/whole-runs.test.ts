/** A sentinel of real probes: in a worker as on this thread, and killed without a chance to clean up. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkpoint, examples, setUp } from '../__fixtures__/small-run.ts';
import type { TrainEvent } from '../run/progress.ts';
import { trainIntoDirectory } from '../run/run-directory.ts';
import { trainIntoDirectoryInWorker } from '../worker/train-in-worker.ts';
import { type SentinelConfig, sentinelFromConfig } from './config.ts';
import type { SentinelEvent } from './sentinel-event.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-watched-'));
});
afterEach(() => rm(folder, { recursive: true }));

const pairs = [
  { prompt: 'question 1', safe: 'answer 3 and more', harmful: 'answer 7 and more' },
  { prompt: 'question 2', safe: 'answer 14', harmful: 'answer 8 and more' },
];
/** Beyond its bound within the 12 steps of the runs below, but not at once. */
const config: SentinelConfig = {
  everySteps: 2,
  probes: [
    { type: 'log-odds', pairs, bounds: { rollBack: 0.2 } },
    { type: 'kl', name: 'warned', bounds: { warn: 0 } },
  ],
};

const sourceOf = (file: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href);

/** A program that trains into `directory` and says each step. */
const program = (directory: string) => `
  import { setUp } from ${sourceOf('../__fixtures__/small-run.ts')};
  import { trainIntoDirectory } from ${sourceOf('../run/run-directory.ts')};
  import { sentinelFromConfig } from ${sourceOf('config.ts')};
  const { adapter, options } = await setUp({ steps: 12, runtime: { threads: 1 } });
  const onEvent = (event) => { if (event.type === 'step') console.log(event.step); };
  const sentinel = await sentinelFromConfig(${JSON.stringify(config)});
  await trainIntoDirectory({
    ...options, adapter, sentinel, directory: ${JSON.stringify(directory)}, checkpointEverySteps: 3, onEvent,
  });
`;

/** Runs the program, killed when it has said so many steps. */
async function run(directory: string, killAfter = Number.POSITIVE_INFINITY): Promise<void> {
  const child = spawn(
    process.execPath,
    ['--conditions=safetune-source', '--input-type=module-typescript', '--eval', program(directory)],
    { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const exit = once(child, 'exit');
  let seen = 0;
  for await (const _line of createInterface(child.stdout)) {
    seen += 1;
    if (seen === killAfter) child.kill('SIGKILL');
  }
  const [code, signal] = await exit;
  if (signal === null) expect(code, errors).toBe(0);
}

async function contentsOf(directory: string): Promise<Record<string, string>> {
  const entries = (await readdir(directory)).sort().map(async (name) => {
    const content = await readFile(join(directory, name), 'latin1');
    // Times are what may differ.
    return [name, content.replaceAll(/"(tokens_per_second|sentinel_seconds)":[\d.e-]+/g, '"$1":0')];
  });
  return Object.fromEntries(await Promise.all(entries));
}

it('rolls back in a worker thread as on this one, and tells the same', { timeout: 60_000 }, async () => {
  const { adapter, options } = await setUp({ steps: 12, runtime: { threads: 1 } });
  const events: SentinelEvent[][] = [[], []];
  const keep = (list: SentinelEvent[]) => (event: TrainEvent) => {
    if (event.type !== 'sentinel') return;
    list.push({ ...event, readings: event.readings.map((reading) => ({ ...reading, seconds: 0 })) });
  };
  const here = await trainIntoDirectory({
    ...options,
    adapter,
    sentinel: await sentinelFromConfig(config),
    directory: join(folder, 'here'),
    onEvent: keep(events[0]!),
  });
  const { batchSize, steps, seed, learningRate, runtime } = options;
  const there = await trainIntoDirectoryInWorker({
    model: checkpoint,
    adapter: { config: { r: 8, lora_alpha: 16, target_modules: 'all-linear' }, seed: 1 },
    examples,
    ...{ batchSize, steps, seed, learningRate },
    runtime: runtime!,
    sentinel: config,
    directory: join(folder, 'there'),
    onEvent: keep(events[1]!),
  });
  expect(here.ended).toMatchObject({ by: 'sentinel', resultOfStep: here.ended!.step - 2 });
  expect(here.ended!.resultOfStep).toBeGreaterThan(0);
  expect(there).toEqual(here);
  expect(events[1]).toEqual(events[0]);
  expect(await contentsOf(join(folder, 'there'))).toEqual(await contentsOf(join(folder, 'here')));
});

it('ends in the very bytes of a run that was not killed', { timeout: 180_000 }, async () => {
  const [through, killed] = [join(folder, 'through'), join(folder, 'killed')];
  await run(through);
  const expected = await contentsOf(through);
  expect(expected['metrics.jsonl']).toContain('"ended":{"by":"sentinel"');
  const steps = [...expected['metrics.jsonl']!.matchAll(/"loss"/g)].length;
  // Before the first checkpoint, between two, and at the last step before it goes back.
  for (const moment of [1, 4, steps]) await run(killed, Math.min(moment, steps)).catch(ignoreFinished);
  await run(killed).catch(ignoreFinished);
  expect(await contentsOf(killed)).toEqual(expected);
});

/** It may have ended just before it was to be killed. */
function ignoreFinished(error: unknown): void {
  if (!String(error).includes('of a run that has ended')) throw error;
}
