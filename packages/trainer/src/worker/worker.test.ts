import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChatExample } from '@safetune/datasets';
import { createLoraAdapter, loadLoraAdapter } from '@safetune/lora';
import {
  answerChats,
  createGenerator,
  GenerationError,
  loadModel,
  loadTokenizer,
  ModelFileError,
  streamAnswer,
} from '@safetune/models';
import { kl, RegularizerModuleError, RegularizerOptionError } from '@safetune/regularizers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkpointDirectory } from '../__fixtures__/goldens.ts';
import { NonFiniteLossError } from '../errors.ts';
import type { TrainEvent } from '../run/progress.ts';
import { trainIntoDirectory } from '../run/run-directory.ts';
import { WorkerThreadError } from './errors.ts';
import { createGeneratorInWorker } from './generator-in-worker.ts';
import { trainIntoDirectoryInWorker, type WorkerRunOptions } from './train-in-worker.ts';
import { startWorkerThread } from './worker-thread.ts';

const model = checkpointDirectory('llama-untied-float32');
const examples: ChatExample[] = Array.from({ length: 8 }, (_, index) => ({
  messages: [
    { role: 'user', content: `question ${index}` },
    { role: 'assistant', content: `answer ${(index * 7) % 16} and more` },
  ],
}));
const config = { r: 4, lora_alpha: 8, target_modules: 'all-linear' };
const shared = { examples, steps: 4, batchSize: 4, learningRate: { peak: 1e-2 }, runtime: { threads: 1 } };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-worker-'));
});
afterEach(() => rm(directory, { recursive: true }));

const inWorker = (options: Partial<WorkerRunOptions>) =>
  trainIntoDirectoryInWorker({ ...shared, model, adapter: { config, seed: 1 }, directory, ...options });

describe('training in a worker', () => {
  it('computes what training here does, tells the same events, and leaves the values in the adapter given', async () => {
    const here = await loadModel(model);
    const adapters = [1, 2].map(() => createLoraAdapter(here.linearLayers, config, { seed: 1 }));
    const events: TrainEvent[][] = [[], []];
    const result = await inWorker({
      adapter: adapters[0]!,
      regularizers: [{ type: 'kl', weight: 0.5 }],
      onEvent: (event) => events[0]!.push(event),
    });
    const expected = await trainIntoDirectory({
      ...shared,
      model: here,
      tokenizer: await loadTokenizer(model),
      adapter: adapters[1]!,
      regularizers: [kl({ weight: 0.5 })],
      directory: join(directory, 'here'),
      onEvent: (event) => events[1]!.push(event),
    });
    expect(result).toEqual(expected);
    const comparable = (list: TrainEvent[]) =>
      list.map((event) => ({
        ...event,
        tokensPerSecond: 0,
        secondsLeft: 0,
        ...('plan' in event ? { plan: event.plan?.chosen } : {}),
      }));
    expect(comparable(events[0]!)).toEqual(comparable(events[1]!));
    for (const [start] of events) {
      if (start?.type !== 'start') throw new Error('a run begins with its start');
      expect(start.plan?.chosen).toMatchObject({ mode: 'whole', total: expect.any(Number) });
      expect(start.plan?.available).toBeGreaterThan(start.plan!.chosen.total);
    }
    expect(events[0]!.filter(({ type }) => type === 'step')).toHaveLength(4);
    expect(adapters[0]!.parameters).toEqual(adapters[1]!.parameters);
    const saved = await loadLoraAdapter(directory, { layers: here.linearLayers });
    expect(saved.parameters).toEqual(adapters[1]!.parameters);
  });

  it('leaves the event loop of the caller free while a step runs', async () => {
    const content = 'a long answer '.repeat(120);
    const long = Array.from({ length: 16 }, () => ({
      messages: [
        { role: 'user', content: 'speak' },
        { role: 'assistant', content },
      ],
    }));
    let ticks = 0;
    const counts: number[] = [];
    const timer = setInterval(() => {
      ticks += 1;
    }, 1);
    await inWorker({
      examples: long,
      batchSize: 16,
      steps: 1,
      tokenize: { maxLength: 400 },
      onEvent: () => counts.push(ticks),
    });
    clearInterval(timer);
    // One step lies between the two events; here it would let at most a tick or two through.
    expect(counts).toHaveLength(2);
    expect(counts[1]! - counts[0]!).toBeGreaterThan(10);
  });

  it('stops between two steps when aborted, with the reason, and goes on from there', async () => {
    const controller = new AbortController();
    const steps: number[] = [];
    const onEvent = (event: TrainEvent) => {
      if (event.type !== 'step') return;
      steps.push(event.step);
      if (event.step === 2) controller.abort(new Error('enough'));
    };
    await expect(inWorker({ steps: 1000, signal: controller.signal, onEvent })).rejects.toThrow('enough');
    expect(steps.length).toBeLessThan(1000);
    const resumed: TrainEvent[] = [];
    const again = new AbortController();
    await inWorker({
      steps: 1000,
      signal: again.signal,
      onEvent(event) {
        resumed.push(event);
        again.abort(new Error('seen'));
      },
    }).catch(() => {});
    expect(resumed[0]).toMatchObject({ type: 'start', done: steps.at(-1) });
    await expect(inWorker({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
  });

  it('loads a safeguard that is a module over there', async () => {
    const type = fileURLToPath(new URL('../__fixtures__/stay-near.ts', import.meta.url));
    const steps: Record<string, number>[] = [];
    await inWorker({
      regularizers: [
        { type, weight: 0.5 },
        { type: 'kl', weight: 0.5 },
      ],
      onEvent: (event) => event.type === 'step' && steps.push({ ...event.penalties }),
    });
    expect(steps).toHaveLength(4);
    for (const { kl, 'stay-near': near } of steps) expect(near).toBeCloseTo(kl!, 5);
    expect(steps.at(-1)!['stay-near']).toBeGreaterThan(1e-6);
    const missing = inWorker({ regularizers: [{ type: './nowhere.ts' }], overwrite: true });
    await expect(missing).rejects.toSatisfy(RegularizerModuleError.isInstance);
  });

  it('ends well when onEvent asks for it, after the step that it is in, and saves the adapter', async () => {
    const steps: number[] = [];
    const result = await inWorker({
      steps: 1000,
      onEvent(event, run) {
        if (event.type !== 'step') return;
        steps.push(event.step);
        if (event.step === 2) run.stop('enough');
        if (event.step > 2) run.stop('said again');
      },
    });
    expect(result.ended).toMatchObject({ by: 'callback', reason: 'enough', step: steps.at(-1) });
    expect(steps.length).toBeLessThan(1000);
    const { linearLayers } = await loadModel(model);
    await expect(loadLoraAdapter(directory, { layers: linearLayers })).resolves.toBeDefined();
  });

  it('throws what onEvent throws, after stopping', async () => {
    const steps: number[] = [];
    const running = inWorker({
      steps: 1000,
      onEvent(event) {
        if (event.type !== 'step') return;
        steps.push(event.step);
        throw new RangeError('the listener fails');
      },
    });
    await expect(running).rejects.toThrow(new RangeError('the listener fails'));
    expect(steps).toHaveLength(1);
  });

  it('hands on examples that are left out', async () => {
    const skipped: ChatExample[] = [];
    const tooLong = {
      messages: [
        { role: 'user', content: 'x'.repeat(500) },
        { role: 'assistant', content: 'y' },
      ],
    };
    await inWorker({
      examples: [...examples, tooLong],
      epochs: 1,
      tokenize: { maxLength: 100, onTooLong: 'skip', onSkipped: (example) => skipped.push(example) },
    });
    expect(skipped[0]).toEqual(tooLong);
  });
});

describe('a worker that does not hear of an abort', () => {
  /** A worker that answers its first call by a loop without end, as an endless template would be. */
  const deaf = new URL(
    `data:text/javascript,${encodeURIComponent(
      "import { parentPort } from 'node:worker_threads';\n" +
        "parentPort.on('message', ({ id }) => { parentPort.postMessage({ type: 'event', id, event: 1 }); for (;;); });",
    )}`,
  );

  it('is ended after the time it is given, by an error that says so and why it was to stop', async () => {
    const thread = startWorkerThread(deaf);
    const controller = new AbortController();
    const reason = new Error('enough');
    const call = thread.call('release', undefined, {
      signal: controller.signal,
      graceMilliseconds: () => 200,
      onEvent: () => controller.abort(reason),
    });
    const error = await call.catch((thrown: unknown) => thrown);
    expect(WorkerThreadError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ method: 'release', cause: reason });
    expect(String(error)).toContain('did not stop within 0.2 s of being told to, and was ended');
    await expect(thread.call('release', undefined)).rejects.toThrow('the thread has ended');
    await thread.close();
  });

  it('leaves the folder of its run free, and its checkpoint', async () => {
    const controller = new AbortController();
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'checkpoint') controller.abort(new Error('enough'));
    };
    // No time at all: whether the run stops by itself or is ended depends on the machine, and does not matter.
    const options = { steps: 400, checkpointEverySteps: 2, graceMilliseconds: 0 };
    await expect(inWorker({ ...options, signal: controller.signal, onEvent })).rejects.toThrow();
    expect((await readdir(directory)).filter((name) => name.endsWith('.lock'))).toEqual([]);
    const resumed: TrainEvent[] = [];
    const again = new AbortController();
    await inWorker({
      ...options,
      signal: again.signal,
      onEvent(event) {
        resumed.push(event);
        again.abort(new Error('seen'));
      },
    }).catch(() => {});
    expect(resumed[0]).toMatchObject({ type: 'start' });
    expect((resumed[0] as { done: number }).done).toBeGreaterThanOrEqual(2);
  });
});

describe('errors of a worker', () => {
  it('arrive as the typed errors with their fields', async () => {
    const missing = await inWorker({ model: join(directory, 'none') }).catch((error: unknown) => error);
    expect(ModelFileError.isInstance(missing)).toBe(true);
    expect(missing).toMatchObject({ file: join(directory, 'none', 'config.json') });

    const unknown = await inWorker({ regularizers: [{ type: 'none' }] }).catch((error: unknown) => error);
    expect(RegularizerOptionError.isInstance(unknown)).toBe(true);
    expect(unknown).toMatchObject({ regularizer: 'none' });

    const infinite = await inWorker({ learningRate: { peak: 1e30, warmupSteps: 0 } }).catch(
      (error: unknown) => error,
    );
    expect(NonFiniteLossError.isInstance(infinite)).toBe(true);
    expect(infinite).toMatchObject({ step: 2, terms: { loss: Number.NaN } });
    expect(await readFile(join(directory, 'adapter_config.json'), 'utf8')).toContain('"r": 4');
  });

  it('are a WorkerThreadError when options cannot go to a thread', async () => {
    const options = { examples: () => [] } as unknown as Partial<WorkerRunOptions>;
    const error = await inWorker(options).catch((thrown: unknown) => thrown);
    expect(WorkerThreadError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ method: 'train' });
  });
});

describe('generation in a worker', () => {
  const prompts = [[5, 9, 200, 31], [7], [300, 2, 300]];

  it('gives the tokens that generating here gives, and reads the adapter anew', async () => {
    const here = await loadModel(model);
    const adapter = createLoraAdapter(here.linearLayers, config, { seed: 1 });
    const [expected, generator] = [
      await createGenerator(here, { adapter, threads: 1 }),
      await createGeneratorInWorker({ model, adapter, runtime: { threads: 1 } }),
    ];
    const options = { maxNewTokens: 8, temperature: 1, seeds: [1, 2, 3] };
    const before = await generator.generate(prompts, options);
    expect(before).toEqual(await expected.generate(prompts, options));
    adapter.parameters.forEach((_, index) => {
      adapter.parameters[index] = Math.sin(index);
    });
    const progress: number[] = [];
    const after = await generator.generate(prompts, {
      ...options,
      onProgress: ({ tokens }) => progress.push(tokens),
    });
    expect(after).not.toEqual(before);
    expect(after).toEqual(await expected.generate(prompts, options));
    expect(progress.at(-1)).toBe(after.flat().length);
    await Promise.all([generator.release(), expected.release()]);
  });

  it('streams, stops at stop strings with the tokenizer of its folder, and refuses misspelt options', async () => {
    const tokenizer = await loadTokenizer(model);
    const here = await createGenerator(await loadModel(model));
    const generator = await createGeneratorInWorker({ model });
    const messages = [{ role: 'user', content: 'Hello' }];
    const options = { maxNewTokens: 12, stopTokenIds: [], repetitionPenalty: 1.2 };
    const [free] = await answerChats(here, tokenizer, [messages], options);
    const stopped = { ...options, stopStrings: [free!.slice(5, 8)] };
    const expected = await answerChats(here, tokenizer, [messages], stopped);
    const pieces: string[] = [];
    for await (const piece of streamAnswer(generator, tokenizer, messages, stopped)) pieces.push(piece);
    expect([pieces.join('')]).toEqual(expected);
    expect(free!.startsWith(expected[0]!)).toBe(true);
    expect(expected[0]!.length).toBeLessThan(free!.length);
    await expect(generator.generate(prompts, { ...options, temprature: 1 } as never)).rejects.toThrow(
      "Did you mean 'temperature'?",
    );
    await Promise.all([generator.release(), here.release()]);
  });

  it('can be aborted, refuses with the typed error, and is gone after its release', async () => {
    const generator = await createGeneratorInWorker({ model });
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const options = { maxNewTokens: 200, stopTokenIds: [] };
    await expect(
      generator.generate(prompts, { ...options, onProgress, signal: controller.signal }),
    ).rejects.toThrow('enough');
    const empty = await generator.generate([[]], { maxNewTokens: 1 }).catch((error: unknown) => error);
    expect(GenerationError.isInstance(empty)).toBe(true);
    expect(await generator.generate(prompts, { maxNewTokens: 2 })).toHaveLength(3);
    await generator.release();
    const gone = await generator.generate(prompts, { maxNewTokens: 2 }).catch((error: unknown) => error);
    expect(WorkerThreadError.isInstance(gone)).toBe(true);
  });
});
