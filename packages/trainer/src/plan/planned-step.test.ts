import type { ChatExample } from '@safetune/datasets';
import { createLoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import { kl } from '@safetune/regularizers';
import { describe, expect, it } from 'vitest';
import { checkpointDirectory, relativeError } from '../__fixtures__/goldens.ts';
import { InsufficientMemoryError } from '../errors.ts';
import { type MemoryMode, memoryModes } from '../memory/memory-mode.ts';
import type { TrainEvent } from '../run/progress.ts';
import { train } from '../run/train.ts';
import { trainAdapter } from '../step/trainable.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { largestBatch } from './plan-batches.ts';
import { planTraining } from './planned-step.ts';

const examples: ChatExample[] = Array.from({ length: 10 }, (_, index) => ({
  messages: [
    { role: 'user', content: 'question '.repeat(1 + (index % 3)) },
    { role: 'assistant', content: `answer ${index}` },
  ],
}));

async function setUp() {
  const model = await loadModel(checkpointDirectory('llama-untied-float32'));
  const tokenizer = await loadTokenizer(model.directory);
  const adapter = createLoraAdapter(model.linearLayers, { r: 4, target_modules: 'all-linear' }, { seed: 1 });
  const events: TrainEvent[] = [];
  const onEvent = (event: TrainEvent) => events.push(event);
  const common = { model, tokenizer, trainable: trainAdapter(adapter), examples, batchSize: 4, seed: 1 };
  return { ...common, adapter, events, onEvent };
}

describe('training', () => {
  it('comes out the same in every mode, and says which it is in', async () => {
    const trained: [MemoryMode, Float32Array][] = [];
    for (const memory of memoryModes) {
      const { adapter, events, ...options } = await setUp();
      const start = adapter.parameters.slice();
      await train({ ...options, steps: 4, memory, regularizers: [kl()], learningRate: { peak: 1e-3 } });
      expect(events[0]).toMatchObject({ type: 'start', memory });
      trained.push([memory, adapter.parameters.map((value, index) => value - start[index]!)]);
    }
    const [[, whole]] = trained as [[string, Float32Array]];
    expect(whole.some((change) => Math.abs(change) > 1e-4)).toBe(true);
    for (const [mode, change] of trained) expect(relativeError(change, whole), mode).toBeLessThan(1e-3);
  });

  it('is whole by default for a small model', async () => {
    const { events, adapter: _, ...options } = await setUp();
    await train({ ...options, steps: 1 });
    expect(events[0]).toMatchObject({ type: 'start', memory: 'whole' });
  });

  it('tells the numbers of its plan at the start', async () => {
    const { events, adapter: _, ...options } = await setUp();
    const memoryLimit = process.memoryUsage.rss() + 4e9;
    await train({ ...options, steps: 1, memory: 'layered', memoryLimit });
    const [start] = events;
    if (start?.type !== 'start' || start.plan === undefined) throw new Error('no plan was told');
    const { chosen, available } = start.plan;
    expect(chosen).toEqual((await planTraining({ ...options, memory: 'layered', memoryLimit })).chosen);
    expect(chosen.trained).toBe(3 * options.trainable.parameters.byteLength);
    expect(
      chosen.weights +
        chosen.trained +
        chosen.activations +
        chosen.logits +
        chosen.observers +
        chosen.sessions,
    ).toBeCloseTo(chosen.total, 0);
    expect(available).toBeGreaterThan(chosen.total);
    expect(available).toBeLessThanOrEqual(memoryLimit);
  });

  it('has no plan for a step that was compiled before', async () => {
    const { events, adapter: _, ...options } = await setUp();
    const step = await compileTrainStep(options);
    await train({ ...options, step, steps: 1 });
    expect(events[0]).toMatchObject({ type: 'start', memory: undefined, plan: undefined });
    await step.release();
  });

  it('does not start when memory does not suffice', async () => {
    const { events, adapter: _, ...options } = await setUp();
    await expect(train({ ...options, steps: 1, memoryLimit: 1e6 })).rejects.toSatisfy(
      InsufficientMemoryError.isInstance,
    );
    expect(events).toEqual([]);
  });
});

describe('the plan of a run', () => {
  it('is made for the largest batch of the examples when the longest allowed does not fit', async () => {
    const { model, tokenizer, trainable } = await setUp();
    const options = {
      model,
      tokenizer,
      trainable,
      examples,
      batchSize: 4,
      seed: 1,
      tokenize: { maxLength: 100_000 },
    };
    const memoryLimit = process.memoryUsage.rss() + 500e6;
    expect((await planTraining({ ...options, memoryLimit })).chosen.mode).toBe('whole');
  });

  it('knows the largest batch: of a set by all examples, of a stream by its beginning', async () => {
    const options = await setUp();
    const set = await largestBatch(options, 'response');
    const stream = await largestBatch(
      {
        ...options,
        examples: async function* () {
          for (;;) yield* examples;
        },
      },
      'response',
    );
    const all = await largestBatch(options, 'all');
    expect(set.size).toBe(4);
    expect(stream.length).toBe(set.length);
    expect(all.length).toBe(set.length);
    expect(all.rows).toBe(4 * (set.length - 1));
    expect(set.rows).toBeGreaterThan(0);
    expect(set.rows).toBeLessThan(all.rows!);
    expect(set.tokens).toBeLessThan(4 * set.length);
    expect(set.tokens).toBeGreaterThan(set.length);
    const ids = examples.flatMap(({ messages }) =>
      options.tokenizer.encode(options.tokenizer.renderChat(messages)),
    );
    expect(set.differentTokens).toBeGreaterThanOrEqual(new Set(ids).size);
    expect(set.differentTokens).toBeLessThan(ids.length);
  });
});
