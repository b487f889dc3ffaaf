/** Constrained fine-tuning in whole runs: what it holds back, in both memory modes, and after a resume. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { padBatch, rowPositions, tokenizeChats } from '@safetune/datasets';
import { constrainedSft, kl, type Regularizer, rowsOf } from '@safetune/regularizers';
import { expect, it } from 'vitest';
import { relativeError } from '../__fixtures__/goldens.ts';
import { examples, setUp } from '../__fixtures__/small-run.ts';
import { trainAdapter } from '../step/trainable.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';

/** A run, and how much likelier it made the targets of the fixture's answers, in nats: the first five of each, and the others. */
async function trained(regularizers: readonly Regularizer[], overrides: Partial<TrainOptions> = {}) {
  const { adapter, options, steps } = await setUp({ regularizers, steps: 30, ...overrides });
  const start = adapter.parameters.slice();
  await train({ ...options, trainable: trainAdapter(adapter) });
  const tokenized = [];
  for await (const example of tokenizeChats(examples, options.tokenizer)) tokenized.push(example);
  const batch = padBatch(tokenized, { padTokenId: options.tokenizer.padTokenId });
  const places = rowsOf(batch).positionInResponse.data as number[];
  const meanOf = async (isWanted: (place: number) => boolean) => {
    const weights = new Float32Array(batch.responseMask.length);
    rowPositions(batch, 'response').forEach((position, row) => {
      weights[position + 1] = isWanted(places[row]!) ? 1 : 0;
    });
    const step = await compileTrainStep({ model: options.model, trainable: trainAdapter(adapter) });
    const weighed = { ...batch, lossWeights: weights };
    const after = await step.evaluate(weighed);
    const present = adapter.parameters.slice();
    adapter.parameters.set(start);
    const before = await step.evaluate(weighed);
    adapter.parameters.set(present);
    await step.release();
    return before - after;
  };
  return {
    steps: steps(),
    parameters: adapter.parameters,
    early: await meanOf((place) => place <= 5),
    late: await meanOf((place) => place > 5),
  };
}

it('keeps the first tokens of answers about as likely as they were, and lets the others be learned', async () => {
  const tight = constrainedSft({ initialFactor: 100, firstTokenFactor: 100 });
  const [free, held, fast] = [await trained([]), await trained([constrainedSft()]), await trained([tight])];
  // Both start at the reference, where every token costs log 2 times 2 / beta.
  const [first] = held.steps;
  expect(first!.crossEntropy).toBe(free.steps[0]!.crossEntropy);
  expect(first!.taskLoss).toBeGreaterThan(2 * Math.log(2));
  expect(first!.taskLoss).toBeLessThan(20 * Math.log(2));
  expect(first!.loss).toBe(first!.taskLoss);
  expect(held.steps.at(-1)!.taskLoss).toBeLessThan(first!.taskLoss!);
  expect(free.early).toBeGreaterThan(1);
  expect(held.early).toBeLessThan(0.85 * free.early);
  expect(fast.early).toBeLessThan(0.6 * free.early);
  for (const { late } of [held, fast]) expect(late).toBeGreaterThan(0.9 * free.late);
});

it('trains alike layer by layer, beside a penalty', async () => {
  const regularizers = [constrainedSft({ beta: 0.2 }), kl({ weight: 0.1 })];
  const [whole, layered] = [
    await trained(regularizers, { steps: 5, memory: 'whole' }),
    await trained(regularizers, { steps: 5, memory: 'layered' }),
  ];
  for (const [index, { taskLoss, loss, penalties }] of whole.steps.entries()) {
    expect(loss).toBeCloseTo(taskLoss! + 0.1 * penalties.kl!, 4);
    expect(layered.steps[index]!.taskLoss! / taskLoss!).toBeCloseTo(1, 3);
  }
  expect(relativeError(layered.parameters, whole.parameters)).toBeLessThan(1e-2);
});

it('goes on after its checkpoint to the very same values', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-constrained-'));
  const checkpoint = { file: join(folder, 'state.safetensors'), everySteps: 3 };
  const regularizers = [constrainedSft()];
  const straight = await trained(regularizers, { steps: 6 });
  const { adapter, options } = await setUp({ regularizers, steps: 6, checkpoint });
  const killed = train({
    ...options,
    trainable: trainAdapter(adapter),
    onEvent: (event) => {
      if (event.type === 'checkpoint') throw new Error('killed');
    },
  });
  await expect(killed).rejects.toThrow('killed');
  const again = await setUp({ regularizers, steps: 6, checkpoint });
  await train({ ...again.options, trainable: trainAdapter(again.adapter) });
  expect(again.steps().map(({ taskLoss }) => taskLoss)).toEqual(
    straight.steps.slice(3).map(({ taskLoss }) => taskLoss),
  );
  expect(again.adapter.parameters).toEqual(straight.parameters);
  await rm(folder, { recursive: true });
});
