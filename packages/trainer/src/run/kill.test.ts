/** A run that is killed at random moments, without a chance to clean up, ends in the very bytes of one that is not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

const sourceOf = (file: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href);

const steps = 12;

/** A program that trains into `directory` and says each step. */
const program = (directory: string) => `
  import { setUp } from ${sourceOf('../__fixtures__/small-run.ts')};
  import { trainIntoDirectory } from ${sourceOf('run-directory.ts')};
  const { adapter, options } = await setUp({ steps: ${steps}, runtime: { threads: 1 } });
  const onEvent = (event) => { if (event.type === 'step') console.log(event.step); };
  await trainIntoDirectory({ ...options, adapter, directory: ${JSON.stringify(directory)}, checkpointEverySteps: 2, onEvent });
`;

/** Runs the program; with `killAfter` it is killed that many milliseconds after so many steps. @returns whether it ended by itself */
async function run(directory: string, killAfter?: { steps: number; milliseconds: number }): Promise<boolean> {
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
    if (killAfter === undefined || seen !== killAfter.steps) continue;
    await setTimeout(killAfter.milliseconds);
    child.kill('SIGKILL');
  }
  const [code, signal] = await exit;
  if (signal === null) expect(code, errors).toBe(0);
  return signal === null;
}

it('is bit-identical to one that was not', { timeout: 180_000 }, async () => {
  const root = await mkdtemp(join(tmpdir(), 'safetune-kill-'));
  const [through, killed] = [join(root, 'through'), join(root, 'killed')];
  await run(through);
  const moments: string[] = [];
  for (let kill = 0; kill < 4; kill++) {
    const moment = { steps: 1 + Math.floor(Math.random() * 4), milliseconds: Math.random() * 30 };
    moments.push(JSON.stringify(moment));
    if (await run(killed, moment)) break;
  }
  await run(killed).catch((error: unknown) => {
    // It may have ended just before it was to be killed: then there is nothing left to do.
    if (!String(error).includes('of a run that has ended')) throw error;
  });
  const files = (await readdir(through)).sort();
  expect((await readdir(killed)).sort(), moments.join()).toEqual(files);
  for (const file of files.filter((name) => name !== 'metrics.jsonl')) {
    expect(
      (await readFile(join(killed, file))).equals(await readFile(join(through, file))),
      moments.join(),
    ).toBe(true);
  }
  const facts = async (folder: string) =>
    (await readFile(join(folder, 'metrics.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => ({ ...JSON.parse(line), tokens_per_second: 0 }));
  expect(await facts(killed), moments.join()).toEqual(await facts(through));
  await rm(root, { recursive: true });
});
