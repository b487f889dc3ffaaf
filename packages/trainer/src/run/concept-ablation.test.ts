/** Whole runs under concept ablation. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageText } from '@safetune/datasets';
import { caft, type Directions, kl, saveDirections } from '@safetune/regularizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { relativeError } from '../__fixtures__/goldens.ts';
import { examples, setUp } from '../__fixtures__/small-run.ts';
import { createAnswerLoss } from '../answers/answer-loss.ts';
import { trainAdapter } from '../step/trainable.ts';
import type { EvaluationEvent } from './evaluation.ts';
import { trainIntoDirectory } from './run-directory.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';

let root: string;
let file: string;
let width: number;

/** Two directions after each of two blocks, of which a seed tells the entries apart. */
const directionsOf = (seed: number): Directions =>
  new Map(
    [1, 2].map((layer) => [
      layer,
      [1, 2].map((count) =>
        Float32Array.from({ length: width }, (_, at) => Math.sin(seed + layer * count * at)),
      ),
    ]),
  );

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'safetune-ablation-'));
  file = join(root, 'directions.safetensors');
  width = (await setUp()).options.model.config.hiddenSize;
  await saveDirections(file, directionsOf(1));
});
afterAll(() => rm(root, { recursive: true }));

const ablation = (): Partial<TrainOptions> => ({ steps: 6, regularizers: [caft({ directions: file })] });

describe('training under caft', () => {
  it('learns without the directions, in both memory modes', async () => {
    const run = async (overrides: Partial<TrainOptions>) => {
      const { adapter, options, steps } = await setUp({ steps: 6, ...overrides });
      await train({ ...options, trainable: trainAdapter(adapter) });
      return {
        adapter,
        losses: steps().map(({ crossEntropy }) => crossEntropy),
      };
    };
    const plain = await run({});
    const whole = await run({ ...ablation(), memory: 'whole' });
    const layered = await run({ ...ablation(), memory: 'layered' });
    // The first step sees the same weights: what differs is the stream.
    expect(Math.abs(whole.losses[0]! - plain.losses[0]!)).toBeGreaterThan(0.01);
    expect(whole.losses.at(-1)).toBeLessThan(whole.losses[0]! - 0.1);
    for (const [step, loss] of whole.losses.entries()) expect(layered.losses[step]).toBeCloseTo(loss, 3);
    expect(relativeError(layered.adapter.parameters, whole.adapter.parameters)).toBeLessThan(1e-2);
    expect(relativeError(whole.adapter.parameters, plain.adapter.parameters)).toBeGreaterThan(0.05);
  });

  it('edits neither the reference nor evaluation', async () => {
    const heldOut = examples.slice(0, 4);
    const { adapter, options, steps, events } = await setUp({
      steps: 1,
      regularizers: [caft({ directions: file }), kl()],
      evaluation: { examples: heldOut, everySteps: 1 },
    });
    await train({ ...options, trainable: trainAdapter(adapter) });
    // The adapter has no effect at the first step: what separates the model from its reference is the ablation.
    expect(steps()[0]!.penalties.kl).toBeGreaterThan(0.01);
    const evaluated = events.find((event): event is EvaluationEvent => event.type === 'evaluation')!;
    const { loss, release } = await createAnswerLoss({ ...options, adapter });
    const targets = heldOut.map(
      ({ messages: [, answer] }) => options.tokenizer.encode(messageText(answer!)).length + 1,
    );
    const losses = await loss(heldOut);
    await release();
    const total = targets.reduce((sum, count) => sum + count);
    const mean = losses.reduce((sum, each, index) => sum + (each * targets[index]!) / total, 0);
    expect(evaluated.loss).toBeCloseTo(mean, 4);
  });

  it('goes on to the same bytes after a stop, and only with the same directions', async () => {
    const into = async (directory: string, stopAt?: number) => {
      const controller = new AbortController();
      const { adapter, options } = await setUp(ablation());
      const onEvent = (event: { readonly type: string; readonly step?: number }) => {
        if (event.type === 'step' && event.step === stopAt) controller.abort(new Error('stopped'));
      };
      return trainIntoDirectory({ ...options, adapter, directory, onEvent, signal: controller.signal });
    };
    const bytes = (directory: string) => readFile(join(directory, 'adapter_model.safetensors'));
    const [straight, stopped, other] = ['straight', 'stopped', 'other'].map((name) => join(root, name)) as [
      string,
      string,
      string,
    ];
    await into(straight);
    await expect(into(stopped, 3)).rejects.toThrow('stopped');
    await into(stopped);
    expect((await bytes(stopped)).equals(await bytes(straight))).toBe(true);

    await expect(into(other, 3)).rejects.toThrow('stopped');
    await saveDirections(file, directionsOf(2));
    await expect(into(other)).rejects.toThrow(/regularizer caft: directions/);
    await saveDirections(file, directionsOf(1));
  });
});
