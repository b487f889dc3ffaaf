/**
 * A run that is killed at random moments, without a chance to clean up, ends in the very bytes of one that is not: with dropout,
 * noise, accumulation, safeguards, a sentinel, evaluation with patience and the best values, and kept checkpoints.
 * KILLS=50 kills as often; every run that is over is compared, and another is begun.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { changedCheckpoint, checkpoint } from '../__fixtures__/small-run.ts';

const kills = Number(process.env.KILLS ?? 3);

const sourceOf = (file: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href);

/** A program that trains into `directory`. */
const program = (directory: string, aligned: string) => `
  import { inoculation, interleaving, kl, ldifs, safeLora } from '@safetune/regularizers';
  import { createLoraAdapter } from '@safetune/lora';
  import { examples, setUp } from ${sourceOf('../__fixtures__/small-run.ts')};
  import { trainIntoDirectory } from ${sourceOf('run-directory.ts')};
  const pool = examples.slice(0, 3).map(({ messages }) => ({
    messages: [{ role: 'user', content: 'safe ' + messages[0].content }, messages[1]],
  }));
  const norm = {
    name: 'norm',
    facts: 1,
    bounds: { warn: 1, rollBack: 1e6 },
    open: async ({ adapter }) => ({
      measure: async () => ({ value: Math.hypot(...adapter.parameters) }),
      release: async () => undefined,
    }),
  };
  const { options } = await setUp({
    steps: 60,
    batchSize: 2,
    gradientAccumulation: 2,
    learningRate: { peak: 0.05, schedule: 'wsd', warmupShare: 0.1 },
    optimizer: { loraPlusRatio: 4 },
    neftuneNoiseAlpha: 5,
    evaluation: { examples: pool, everySteps: 3, patience: 4, minimumDelta: 0.01, restoreBest: true },
    sentinel: { everySteps: 4, probes: [norm] },
    regularizers: [
      interleaving({ pool, share: 0.25, onExhaustion: () => {} }),
      inoculation({ share: 0.5 }),
      kl({ weight: 0.1 }),
      ldifs({ weight: 0.01 }),
      safeLora({ base: ${JSON.stringify(checkpoint)}, aligned: ${JSON.stringify(aligned)}, when: { every: 5, end: true } }),
    ],
    runtime: { threads: 1 },
  });
  const config = { r: 8, lora_alpha: 16, target_modules: 'all-linear', lora_dropout: 0.2 };
  const adapter = createLoraAdapter(options.model.linearLayers, config, { seed: 1 });
  await trainIntoDirectory({
    ...options,
    adapter,
    directory: ${JSON.stringify(directory)},
    checkpointEverySteps: 2,
    keepCheckpoints: 2,
  });
`;

/** Runs the program; it is killed after so many milliseconds. @returns whether it ended by itself */
async function run(code: string, killAfter?: number): Promise<boolean> {
  const child = spawn(
    process.execPath,
    ['--conditions=safetune-source', '--input-type=module-typescript', '--eval', code],
    { cwd: import.meta.dirname, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
  const [exit, signal] = await once(child, 'close');
  clearTimeout(timer);
  // It may have ended just before it was to be killed.
  if (signal === null && !errors.includes('of a run that has ended')) expect(exit, errors).toBe(0);
  return signal === null;
}

/** Content of every file below a folder; of metrics without what the clock says. */
async function contents(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const read = async (file: string) =>
    file.endsWith('metrics.jsonl')
      ? (await readFile(file, 'utf8')).replace(/"(tokens_per_second|sentinel_seconds)":[^,}]+/g, '')
      : (await readFile(file)).toString('base64');
  return Object.fromEntries(
    await Promise.all(
      files.sort().map(async (file) => [file.slice(folder.length), await read(file)] as const),
    ),
  );
}

it(`is bit-identical to one that was not, after ${kills} kills`, {
  timeout: 60_000 * (3 + kills),
}, async () => {
  const root = await mkdtemp(join(tmpdir(), 'safetune-kill-'));
  const aligned = await changedCheckpoint('model.layers.0.mlp.up_proj.weight', (values) => values.fill(0.5));
  const through = join(root, 'through');
  const began = performance.now();
  await run(program(through, aligned));
  const duration = performance.now() - began;
  const expected = await contents(through);
  expect(Object.keys(expected)).toContain('/adapter_model.safetensors');
  expect(Object.values(expected).some((text) => text.includes('"by":"evaluation"'))).toBe(true);
  const moments: number[] = [];
  let [done, killed] = [0, 0];
  for (; killed < kills; done++) {
    const code = program(join(root, `${done}`), aligned);
    for (let isOver = false; !isOver; ) {
      const moment = killed < kills ? Math.random() * duration : undefined;
      isOver = await run(code, moment);
      if (isOver) continue;
      killed += 1;
      moments.push(Math.round(moment!));
    }
    expect(await contents(join(root, `${done}`)), `killed after ${moments.join(', ')} ms`).toEqual(expected);
  }
  if (process.env.KILLS !== undefined)
    console.log(
      `${killed} kills in ${done} runs of ${Math.round(duration)} ms, after ${moments.join(', ')} ms: all equal`,
    );
  await Promise.all([root, aligned].map((folder) => rm(folder, { recursive: true })));
});
