import { type ChatExample, padBatch, tokenizeChats } from '@safetune/datasets';
import { copyLoraAdapter } from '@safetune/lora';
import { aGem, kl, klOnAnchors, type Regularizer, safeGrad } from '@safetune/regularizers';
import { expect, it } from 'vitest';
import { examples, setUp } from '../__fixtures__/small-run.ts';
import { openAnchors } from '../data/anchor-batches.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import { compilePenaltyCounts } from '../step/penalty-counts.ts';
import { stepSettings } from '../step/step-settings.ts';
import type { TrainStepOptions } from '../step/train-step.ts';
import { trainAdapter } from '../step/trainable.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { stepGradient } from './step-gradient.ts';
import { train } from './train.ts';

const anchors: ChatExample[] = Array.from({ length: 5 }, (_, index) => ({
  messages: [
    { role: 'user', content: `may I ${index}` },
    { role: 'assistant', content: `yes, safely ${index * index}` },
  ],
}));

type Compile = (options: TrainStepOptions) => ReturnType<typeof compileTrainStep>;

/** A moved adapter, a batch of the task, and the gradients of single terms by a step without anchors. */
async function open(compileStep: Compile, regularizers: readonly Regularizer[], perStep: number) {
  const { adapter, options } = await setUp();
  adapter.parameters.forEach((value, index) => {
    adapter.parameters[index] = value + 0.05 * Math.sin(index);
  });
  const { model, tokenizer } = options;
  const batchOf = async (some: readonly ChatExample[]) => {
    const tokenized = [];
    for await (const example of tokenizeChats(some, tokenizer)) tokenized.push(example);
    return padBatch(tokenized, { padTokenId: tokenizer.padTokenId });
  };
  const task = await batchOf(examples.slice(0, 4));
  const plain = await compileStep({
    model,
    trainable: trainAdapter(adapter),
    regularizers: [kl(), kl({ direction: 'reverse' })].map((each, index) => ({
      ...each,
      name: `kl${index}`,
    })),
  });
  const gradientOf = async (of: 'task' | 'anchors', crossEntropy: number, ...weights: readonly number[]) => {
    const batch = of === 'task' ? task : await batchOf(anchors.slice(0, perStep));
    const terms = await plain.run(
      batch,
      { kl0: weights[0] ?? 0, kl1: weights[1] ?? 0 },
      { taskWeight: crossEntropy },
    );
    return { terms, gradient: plain.gradients.slice() };
  };
  const step = await compileStep({ model, trainable: trainAdapter(adapter), regularizers });
  const batchOptions = { tokenizer, regularizers, batchSize: 4 };
  const sources = {
    step,
    regularizers,
    anchors: await openAnchors(batchOptions, 1),
    penaltyCounts: await compilePenaltyCounts(
      stepSettings({ model, trainable: trainAdapter(adapter), regularizers }),
    ),
    seed: 0,
  };
  const release = async () => {
    await plain.release();
    await step.release();
    await sources.penaltyCounts.release();
  };
  return { sources, task, gradientOf, release };
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * b[index]!, 0);
const sumOf = (a: Float32Array, b: Float32Array, factor = 1) =>
  a.map((value, index) => value + factor * b[index]!);

function expectNear(actual: Float32Array, expected: Float32Array) {
  const difference = Math.hypot(...sumOf(actual, expected, -1));
  expect(difference / Math.hypot(...expected)).toBeLessThan(1e-5);
}

const modes: [string, Compile][] = [
  ['whole', compileTrainStep],
  ['layered', compileLayeredStep],
];

it.each(modes)('adds what is minimised on anchors, and that alone: %s', async (_mode, compileStep) => {
  const safeguard = klOnAnchors({ anchors, perStep: 3, weight: 0.7, crossEntropyWeight: 0.2 });
  const { sources, task, gradientOf, release } = await open(compileStep, [safeguard], 3);
  const { terms, gradients } = await stepGradient(sources, [task], 0, { 'kl-on-anchors': 0.7 });
  const ofTask = await gradientOf('task', 1);
  const ofAnchors = await gradientOf('anchors', 0.2, 0.7);
  expect(ofAnchors.terms.penalties.kl0).toBeGreaterThan(1e-3);
  expect(terms.penalties['kl-on-anchors']).toBeCloseTo(ofAnchors.terms.penalties.kl0!, 6);
  expect(terms.crossEntropy).toBeCloseTo(ofTask.terms.crossEntropy, 6);
  expect(terms.loss).toBeCloseTo(ofTask.terms.loss + ofAnchors.terms.loss, 5);
  expectNear(gradients, sumOf(ofTask.gradient, ofAnchors.gradient));
  await release();
});

it.each(modes)('SafeGrad takes out the conflict and adds the alignment: %s', async (_mode, compileStep) => {
  const { sources, task, gradientOf, release } = await open(
    compileStep,
    [safeGrad({ anchors, perStep: 3, rho: 0.5 })],
    3,
  );
  const { gradient: g } = await gradientOf('task', 1);
  const { gradient: a, terms: onAnchors } = await gradientOf('anchors', 0, 0, 1);
  // The same task upside down: one of the two signs conflicts.
  for (const sign of [1, -1]) {
    const found = await stepGradient(
      {
        ...sources,
        step: {
          ...sources.step,
          gradients: sources.step.gradients,
          run: (batch, weights, how) =>
            sources.step.run(batch, weights, how?.isAnchor ? how : { ...how, taskWeight: sign }),
        },
      },
      [task],
      0,
      { 'safe-grad': 1 },
    );
    const signed = g.map((value) => sign * value);
    const product = dot(signed, a);
    const kept = product < 0 ? sumOf(signed, a, -product / dot(a, a)) : signed;
    expect(Math.abs(product)).toBeGreaterThan(1e-6);
    if (product < 0) expect(Math.abs(dot(kept, a))).toBeLessThan(1e-4 * Math.abs(product));
    expectNear(found.gradients, sumOf(kept, a, 0.5));
    expect(found.terms.penalties['safe-grad']).toBeCloseTo(onAnchors.penalties.kl1!, 6);
  }
  await release();
});

it('A-GEM steps along nothing that raises the cross-entropy of anchors, and logs it', async () => {
  const { sources, task, gradientOf, release } = await open(
    compileTrainStep,
    [aGem({ anchors, perStep: 2 })],
    2,
  );
  const { gradient: a, terms: onAnchors } = await gradientOf('anchors', 1);
  const { gradient: g } = await gradientOf('task', 1);
  const { terms, gradients } = await stepGradient(sources, [task], 0, {});
  const product = dot(g, a);
  expectNear(gradients, product < 0 ? sumOf(g, a, -product / dot(a, a)) : g);
  expect(terms.penalties['a-gem']).toBeCloseTo(onAnchors.crossEntropy, 6);
  await release();
});

it('takes anchors in circles, in batches no larger than the run has', async () => {
  const { options } = await setUp();
  const { tokenizer } = options;
  const opened = await openAnchors(
    { tokenizer, batchSize: 2, regularizers: [klOnAnchors({ anchors, perStep: 3 })] },
    1,
  );
  const batches = opened.get('kl-on-anchors')!;
  const questions = (step: number) =>
    batches.at(step).map(({ size, examples: rows }) => [size, rows.map(({ tokenIds }) => tokenIds.length)]);
  expect(batches.count).toBe(2);
  expect(questions(0).map(([size]) => size)).toEqual([2, 1]);
  expect(questions(5)).toEqual(questions(0));
  const wide = { tokenizer, batchSize: 8, regularizers: [klOnAnchors({ anchors })] };
  expect((await openAnchors(wide, 2)).get('kl-on-anchors')!.at(0)[0]!.size).toBe(4);
});

it('holds the answers to anchors while the task is learned, in every kind of run, also from pairs', async () => {
  const after = async (overrides: object) => {
    const { adapter, options, steps } = await setUp({ steps: 12, ...overrides });
    await train({ ...options, trainable: trainAdapter(adapter) });
    return { last: steps().at(-1)!, parameters: copyLoraAdapter(adapter).parameters };
  };
  const free = await after({ regularizers: [klOnAnchors({ anchors, weight: 0 })] });
  const held = await after({ regularizers: [klOnAnchors({ anchors, weight: 20 })] });
  expect(free.last.penalties['kl-on-anchors']).toBeGreaterThan(0.05);
  expect(held.last.penalties['kl-on-anchors']).toBeLessThan(free.last.penalties['kl-on-anchors']! / 4);
  const regularizers = [safeGrad({ anchors, perStep: 3 })];
  const whole = await after({ regularizers, memory: 'whole' });
  const layered = await after({ regularizers, memory: 'layered', gradientAccumulation: 1 });
  expect(layered.last.penalties['safe-grad']).toBeCloseTo(whole.last.penalties['safe-grad']!, 3);
  const pairs = examples.map(({ messages }) => ({
    messages,
    rejected: [messages[0]!, { role: 'assistant', content: 'no, never' }],
  }));
  const ofPairs = await after({ examples: pairs, objective: { type: 'dpo' }, regularizers });
  expect(ofPairs.last.pairs!.margin).toBeGreaterThan(0);
  expect(ofPairs.last.penalties['safe-grad']).toBeGreaterThan(0);
}, 60_000);
