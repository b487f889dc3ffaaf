/**
 * 200 steps of a fine-tune beside PyTorch with transformers and peft: the same conversations in the same batches, the same adapter to
 * start from, AdamW, a linear schedule with a warm-up, clipping. Both do a step in turn, on one thread each, so that what else the machine does falls on both and waits for nobody.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { loadLoraAdapter } from '../../packages/lora/src/index.ts';
import { loadModel, loadTokenizer } from '../../packages/models/src/index.ts';
import {
  compileTrainStep,
  plan,
  type StepEvent,
  type TrainStep,
  train,
  trainAdapter,
  trainingBatches,
} from '../../packages/trainer/src/index.ts';
import { runPython } from '../python.ts';
import { Random } from '../random.ts';
import { recordFigure } from './figures.ts';
import { type PythonStep, startPythonTrainer } from './python-trainer.ts';
import { variedChats } from './varied-chats.ts';

const { name, folder, missing } = inject('checkpoints').find(({ source }) => source === 'smollm2')!;
/** SAFETUNE_REAL_STEPS takes fewer steps, as a run of its own length. */
const steps = Number(process.env.SAFETUNE_REAL_STEPS ?? 200);
const [batchSize, peak, warmupSteps] = [4, 2e-4, Math.ceil(steps / 10)];

describe.skipIf(missing !== undefined)(missing === undefined ? name : `${name} (skipped: ${missing})`, () => {
  let work: string;
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'safetune-real-'));
  });
  afterAll(() => rm(work, { recursive: true, force: true }));

  it(`has peft's loss at each of ${steps} steps of r 16`, async () => {
    const start = join(work, 'start');
    await runPython('real/say.py', ['adapter', '--model', folder, '--out', start, '--rank', '16']);
    const [model, tokenizer] = [await loadModel(folder), await loadTokenizer(folder)];
    const adapter = await loadLoraAdapter(start, { layers: model.linearLayers });
    const trainable = trainAdapter(adapter);
    // Every conversation is met once.
    const stream = { tokenizer, examples: variedChats(new Random(1), steps * batchSize), batchSize, seed: 1 };
    const batch = { size: batchSize, length: 1 };
    for await (const { length } of trainingBatches({ ...stream, epochs: 1 })) {
      batch.length = Math.max(batch.length, length);
    }
    // As `train` lays it out for these examples.
    const { headPieces } = plan({ model, trainable, batch, memory: 'whole' }).chosen;
    const compiled = await compileTrainStep({
      model,
      trainable,
      headPieces,
      packing: true,
      runtime: { threads: 1 },
    });
    const python = await startPythonTrainer({
      model: folder,
      adapter: start,
      steps: `${steps}`,
      'learning-rate': `${peak}`,
      warmup: `${warmupSteps}`,
      threads: '1',
    });
    const theirs: PythonStep[] = [];
    const ours: StepEvent[] = [];
    const times: StepTime[] = [];
    let clock = startClock();
    const inTurns: TrainStep = {
      ...compiled,
      async run(batch, ...rest) {
        theirs.push(await python.step(batch));
        clock = startClock();
        return compiled.run(batch, ...rest);
      },
    };
    await train({
      ...stream,
      model,
      trainable,
      step: inTurns,
      steps,
      learningRate: { peak, warmupSteps, startAtZero: true },
      onEvent(event) {
        if (event.type !== 'step') return;
        times.push(clock());
        ours.push(event);
      },
    });
    await python.end();
    await compiled.release();

    const losses = theirs.map(({ loss }) => loss);
    const apart = ours.map(({ loss }, index) => Math.abs(loss / losses[index]! - 1));
    const norms = ours.map(({ gradientNorm }, index) =>
      Math.abs(gradientNorm / theirs[index]!.gradientNorm - 1),
    );
    const percent = (value: number) => `${(100 * value).toPrecision(2)} %`;
    const range = `${mean(losses.slice(0, 10)).toFixed(2)} to ${mean(losses.slice(-10)).toFixed(2)}`;
    const record = (what: string, found: string, bar: string) => recordFigure({ of: name, what, found, bar });
    record(
      `${steps} steps, r 16, loss ${range}, never below ${Math.min(...losses).toFixed(2)}`,
      `${percent(Math.max(...apart))} apart, ${percent(mean(apart))} in the mean`,
      '1 % at every step',
    );
    record('norms of the gradients', `${percent(Math.max(...norms))} apart`, '-');
    for (const [field, what] of [
      ['cpuSeconds', 'processor time'],
      ['seconds', 'wall time'],
    ] as const) {
      const [here, there] = [times, theirs].map((side) => side.map((step) => step[field]));
      const ratio = median(here!.map((time, index) => time / there![index]!));
      record(
        `${what} of ${steps} steps on one thread`,
        `${total(here!).toFixed(0)} s, PyTorch ${total(there!).toFixed(0)} s, median ratio ${ratio.toFixed(2)}`,
        '-',
      );
    }
    expect(ours).toHaveLength(steps);
    // A loss near 0 would make a relative bound mean nothing.
    expect(Math.min(...losses)).toBeGreaterThan(0.1);
    // A few steps differ more by their batches than by what was learned.
    if (steps >= 100) expect(mean(losses.slice(-10))).toBeLessThan(mean(losses.slice(0, 10)));
    expect(Math.max(...apart)).toBeLessThan(0.01);
  });
});

type StepTime = Pick<PythonStep, 'seconds' | 'cpuSeconds'>;

/** @returns tells the time since */
function startClock(): () => StepTime {
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: (performance.now() - wall) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
}

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
const mean = (values: readonly number[]) => total(values) / values.length;
const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
