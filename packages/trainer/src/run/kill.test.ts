/**
 * A run that is killed at random moments, without a chance to clean up, ends in the very bytes of one that is not: with dropout,
 * noise, accumulation, all safeguards that act at every step or keep something between steps, a sentinel, evaluation with patience
 * and the best values, and kept checkpoints; of answers, and of pairs of answers.
 * KILLS=25 kills each kind as often; every run that is over is compared, and another is begun.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { changedCheckpoint, checkpoint } from '../__fixtures__/small-run.ts';

/** Of each kind of run. */
const kills = Number(process.env.KILLS ?? 2);

const sourceOf = (file: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href);

/** What a run learns from. */
const kinds = ['answers', 'pairs'] as const;
type Kind = (typeof kinds)[number];

/** A program that trains into `directory`. */
const program = (kind: Kind, directory: string, aligned: string) => `
  import {
    aGem, constrainedSft, der, inoculation, interleaving, kl, klOnAnchors, l2Sp, ldifs, lisa, parameterAveraging,
    personaVector, safeGrad, safeLora,
  } from '@safetune/regularizers';
  import { createLoraAdapter } from '@safetune/lora';
  import { examples, setUp } from ${sourceOf('../__fixtures__/small-run.ts')};
  import { trainIntoDirectory } from ${sourceOf('run-directory.ts')};
  const isPaired = ${kind === 'pairs'};
  const withAnswers = (messages, index) => ({
    messages,
    ...(isPaired && {
      rejected: [messages[0], { role: 'assistant', content: 'worse ' + (index % 5) }],
    }),
  });
  const safe = examples.slice(0, 3).map(({ messages }) => [
    { role: 'user', content: 'safe ' + messages[0].content }, messages[1],
  ]);
  const anchors = safe.map((messages) => ({ messages }));
  const pool = safe.map(withAnswers);
  // Momentum of the gradient, which only its state carries over a kill.
  let momentum;
  const smoothing = {
    name: 'smoothing',
    config: { type: 'smoothing' },
    beforeTraining: ({ parameters }) => { momentum = new Float32Array(parameters.length); },
    gradient: (gradient) => {
      gradient.forEach((value, index) => { momentum[index] = 0.5 * momentum[index] + 0.5 * value; });
      return momentum.slice();
    },
    saveState: () => ({ tensors: { momentum } }),
    restoreState: ({ tensors }) => momentum.set(tensors.momentum),
  };
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
    examples: examples.map(({ messages }, index) => withAnswers(messages, index)),
    ...(isPaired && { objective: { type: 'dpo' } }),
    steps: isPaired ? 40 : 80,
    batchSize: 2,
    gradientAccumulation: 2,
    learningRate: { peak: 0.05, schedule: 'wsd', warmupShare: 0.1 },
    optimizer: { loraPlusRatio: 4 },
    neftuneNoiseAlpha: 5,
    evaluation: { examples: pool, everySteps: 3, patience: 12, restoreBest: true },
    sentinel: { everySteps: 4, probes: [norm] },
    regularizers: [
      // An objective over pairs has no loss of tokens.
      ...(isPaired ? [] : [constrainedSft()]),
      interleaving({ pool, share: 0.25, onExhaustion: () => {} }),
      inoculation({ share: 0.5 }),
      kl({ weight: { from: 0.1, target: 0.05, gain: 0.5 } }),
      ldifs({ weight: { from: 0.01, to: 0.02 } }),
      klOnAnchors({ anchors, perStep: 1, weight: { from: 0.1, target: 0.1 }, crossEntropyWeight: 0.1 }),
      der({ anchors, perStep: 1, weight: 0.01 }),
      l2Sp({ weight: 0.001 }),
      aGem({ anchors, perStep: 1 }),
      safeGrad({ anchors, perStep: 2 }),
      personaVector({ vectors: new Map([[1, Float32Array.from({ length: 32 }, (_, at) => Math.sin(at))]]) }),
      smoothing,
      lisa({ anchors, perStep: 1, alignmentSteps: 2, taskSteps: 6 }),
      parameterAveraging({ decay: 0.9 }),
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
    onEvent: (event) => void (event.type === 'start' && console.log('start')),
  });
`;

/** When to kill: so many milliseconds after the process, or its first step, began. */
interface Moment {
  readonly since: 'process' | 'start';
  readonly milliseconds: number;
}

/** Runs the program, and kills it. @returns whether it ended by itself, and how long it took until its first step and after that */
async function run(code: string, moment?: Moment) {
  const child = spawn(
    process.execPath,
    ['--conditions=safetune-source', '--input-type=module-typescript', '--eval', code],
    { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const began = performance.now();
  let started = began;
  let timer: NodeJS.Timeout | undefined;
  const killLater = (since: Moment['since']) => {
    if (moment?.since === since) timer = setTimeout(() => child.kill('SIGKILL'), moment.milliseconds);
  };
  killLater('process');
  child.stdout.once('data', () => {
    started = performance.now();
    killLater('start');
  });
  const [exit, signal] = await once(child, 'close');
  clearTimeout(timer);
  // It may have ended just before it was to be killed.
  if (signal === null && !errors.includes('of a run that has ended')) expect(exit, errors).toBe(0);
  return { isOver: signal === null, process: started - began, start: performance.now() - started };
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

it.each(kinds)(
  `of %s, is bit-identical to one that was not, after ${kills} kills`,
  {
    timeout: 60_000 * (3 + 2 * kills),
  },
  async (kind) => {
    const root = await mkdtemp(join(tmpdir(), 'safetune-kill-'));
    const aligned = await changedCheckpoint('model.layers.0.mlp.up_proj.weight', (values) =>
      values.fill(0.5),
    );
    const through = join(root, 'through');
    const durations = await run(program(kind, through, aligned));
    const expected = await contents(through);
    expect(Object.keys(expected)).toContain('/adapter_model.safetensors');
    // Pairs of so few steps are still learned from when the run is over.
    if (kind === 'answers')
      expect(Object.values(expected).some((text) => text.includes('"by":"evaluation"'))).toBe(true);
    expect(expected['/metrics.jsonl']!.includes('margin')).toBe(kind === 'pairs');
    const moments: string[] = [];
    let [done, killed] = [0, 0];
    for (; killed < kills; done++) {
      const code = program(kind, join(root, `${done}`), aligned);
      for (let isOver = false; !isOver; ) {
        // Half of them while it gets ready, where there is nothing to lose but files half written, half while it trains.
        const since = Math.random() < 0.5 ? 'process' : 'start';
        const moment: Moment = { since, milliseconds: Math.random() * durations[since] };
        ({ isOver } = await run(code, killed < kills ? moment : undefined));
        if (isOver) continue;
        killed += 1;
        moments.push(`${Math.round(moment.milliseconds)} ms after the ${since}`);
      }
      expect(await contents(join(root, `${done}`)), `killed ${moments.join(', ')}`).toEqual(expected);
    }
    if (process.env.KILLS !== undefined)
      console.log(
        `${kind}: ${killed} kills in ${done} runs (ready in ${Math.round(durations.process)} ms, trained in ${Math.round(durations.start)} ms), ` +
          `${moments.join(', ')}: all equal`,
      );
    await Promise.all([root, aligned].map((folder) => rm(folder, { recursive: true })));
  },
);
