import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  adaptedWeight,
  kl,
  klOnAnchors,
  lisa,
  named,
  parameterAveraging,
  type Regularizer,
} from '@safetune/regularizers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { examples, setUp } from '../__fixtures__/small-run.ts';
import { trainAdapter } from '../step/trainable.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-states-'));
});
afterEach(() => rm(directory, { recursive: true }));

const anchors = examples.slice(0, 5);
const weight = { from: 0.5, target: 0.02, gain: 0.4 };

const safeguards = (): Regularizer[] => [
  kl({ weight }),
  named('held.back', klOnAnchors({ anchors, perStep: 2, weight: { ...weight, target: 0.5 } })),
  lisa({ anchors, alignmentSteps: 2, taskSteps: 3, rho: 0.5 }),
  parameterAveraging({ decay: 0.7 }),
];

/** Trains, stopped after the given step if any, from the checkpoint in the folder if there is one. */
async function run(regularizers: readonly Regularizer[], stopAfter?: number) {
  const { adapter, options, steps } = await setUp({ steps: 12 });
  const stop = new AbortController();
  const onEvent: NonNullable<TrainOptions['onEvent']> = (event, control) => {
    options.onEvent(event, control);
    if (event.type === 'step' && event.step === stopAfter) stop.abort(new Error('killed'));
  };
  const training = train({
    ...options,
    onEvent,
    trainable: trainAdapter(adapter),
    regularizers,
    signal: stop.signal,
    checkpoint: { file: join(directory, 'checkpoint.safetensors'), everySteps: 100 },
  });
  if (stopAfter !== undefined) await expect(training).rejects.toThrow('killed');
  else await training;
  return { parameters: adapter.parameters, steps: steps() };
}

it('a run that is stopped goes on with what regularizers keep, to the bit', async () => {
  const whole = await run(safeguards());
  const first = await run(safeguards(), 4);
  const second = await run(safeguards(), 9);
  const last = await run(safeguards());
  const resumed = [...first.steps, ...second.steps, ...last.steps];
  expect(resumed.map(({ loss }) => loss)).toEqual(whole.steps.map(({ loss }) => loss));
  expect(resumed.map(({ weights }) => weights)).toEqual(whole.steps.map(({ weights }) => weights));
  expect(last.parameters).toEqual(whole.parameters);
});

it('regularizers that were used before begin anew', async () => {
  const used = safeguards();
  const [first, second] = [await run(used), await run(used)];
  expect(second.parameters).toEqual(first.parameters);
});

it('weights follow their penalties, and steps tell them', async () => {
  const { steps } = await run(safeguards());
  expect(steps[0]!.weights).toEqual({ kl: 0.5, 'held.back': 0.5 });
  for (const [index, step] of steps.slice(1).entries()) {
    const before = steps[index]!;
    expect(step.weights!.kl).toBe(adaptedWeight(weight, before.weights!.kl!, before.penalties.kl!));
    expect(step.loss).toBeCloseTo(
      step.crossEntropy +
        step.weights!.kl! * step.penalties.kl! +
        step.weights!['held.back']! * step.penalties['held.back']!,
      4,
    );
  }
  // Of the anchors nothing is seen in the first step: the penalty is 0, and its weight sinks.
  expect(steps[1]!.weights!['held.back']).toBeCloseTo(0.5 * (1 - 0.4 * 0.2), 6);
});
