import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoraAdapter } from '@safetune/lora';
import { type CausalLm, loadModel, loadTokenizer, type Tokenizer } from '@safetune/models';
import { kl } from '@safetune/regularizers';
import { type GraphMemory, hostArray, runtimeIsLoaded } from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointDirectory } from '../__fixtures__/goldens.ts';
import { InsufficientMemoryError, TrainOptionError } from '../errors.ts';
import { type MemoryMode, memoryModes } from '../memory/memory-mode.ts';
import type { Probe } from '../sentinel/probe.ts';
import { klProbe } from '../sentinel/probes/kl-probe.ts';
import { logOddsProbe } from '../sentinel/probes/log-odds-probe.ts';
import { rulesProbe } from '../sentinel/probes/rules-probe.ts';
import { type Trainable, trainAdapter, trainAllWeights } from '../step/trainable.ts';
import { type PlanOptions, plan, planFastest, planWhole } from './plan.ts';
import type { MemoryEstimate } from './plan-estimate.ts';

let model: CausalLm;
let tokenizer: Tokenizer;
let cacheDirectory: string;
let base: PlanOptions;

beforeAll(async () => {
  cacheDirectory = await mkdtemp(join(tmpdir(), 'safetune-plan-'));
  model = await loadModel(checkpointDirectory('llama-untied-float32'));
  tokenizer = await loadTokenizer(model.directory);
  const trainable = trainAdapter(
    createLoraAdapter(model.linearLayers, { r: 2, target_modules: 'all-linear' }),
  );
  base = { model, trainable, batch: { size: 2, length: 64 } };
});

afterAll(() => rm(cacheDirectory, { recursive: true }));

const roomy = 1e15;
const estimates = (options: Partial<PlanOptions> = {}) => {
  const found = plan({ ...base, memoryLimit: roomy, ...options }).estimates;
  return Object.fromEntries(found.map((estimate) => [estimate.mode, estimate])) as Record<
    MemoryMode,
    MemoryEstimate
  >;
};
const elements = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);
const bytesOf = (wanted: (name: string) => boolean) =>
  [...model.weights.values()].reduce(
    (sum, { name, shape }) => sum + (wanted(name) ? 4 * elements(shape) : 0),
    0,
  );
/** A vocabulary large enough for the head to be cut up, as far as the plan can see. */
const largeVocabulary = () => ({ ...model, config: { ...model.config, vocabularySize: 40_000 } });

/** All weights, with an output layer of that vocabulary: estimates look at shapes alone. */
const withLargeHead = (trainable: Trainable): Trainable => {
  const head = hostArray(new Float32Array(40_000 * model.config.hiddenSize), [
    40_000,
    model.config.hiddenSize,
  ]);
  return { ...trainable, tensors: { ...trainable.tensors, 'lm_head.weight': head } };
};

describe('an estimate adds up', () => {
  it('weights: all, with the table of embeddings as far as it is mapped; of a stream two blocks', () => {
    const { whole, recompute, layered, streamed } = estimates();
    const blocks = bytesOf((name) => name.includes('.layers.'));
    const block = bytesOf((name) => name.includes('.layers.0.'));
    const head = bytesOf((name) => name === 'lm_head.weight' || name === 'model.norm.weight');
    const table = bytesOf((name) => name === 'model.embed_tokens.weight');
    expect(table).toBeLessThan(2 ** 16);
    expect([whole.weights, recompute.weights, layered.weights]).toEqual(Array(3).fill(blocks + head + table));
    expect(streamed.weights).toBe(2 * block + head + table);
  });

  it('trained values: a gradient and two moments, and a sum when steps accumulate', () => {
    const bytes = base.trainable.parameters.byteLength;
    for (const { trained } of Object.values(estimates())) expect(trained).toBe(3 * bytes);
    for (const { trained } of Object.values(estimates({ gradientAccumulation: 2 })))
      expect(trained).toBe(4 * bytes);
  });

  it('logits: grow with rows and vocabulary, not at all with rows that are not there', () => {
    const logits = (rows: number) => estimates({ batch: { size: 2, length: 64, rows } }).whole.logits;
    const perRow = 4 * model.config.vocabularySize;
    expect(logits(120) - logits(20)).toBeGreaterThan(100 * 2 * perRow);
    expect(logits(120) - logits(20)).toBeLessThan(100 * 6 * perRow);
  });

  it('logits of a large vocabulary: as many as one piece has', () => {
    const found = estimates({ model: largeVocabulary(), batch: { size: 2, length: 1024 } });
    expect(found.whole.headPieces).toEqual({ count: 16, rows: 128 });
    expect(found.layered.headPieces).toEqual({ count: 32, rows: 64 });
  });

  it('logits of a trained head with a large vocabulary: in pieces where that saves memory', async () => {
    const trainable = withLargeHead(await trainAllWeights(model));
    const { hiddenSize } = model.config;
    const full = { trainable, model: largeVocabulary(), batch: { size: 8, length: 129 } };
    const [planned, atOnce] = [estimates(full), estimates({ ...full, headPieces: { count: 1, rows: 1024 } })];
    for (const mode of memoryModes) {
      expect(planned[mode].headPieces.count, mode).toBeGreaterThan(1);
      expect(planned[mode].logits, mode).toBeLessThan(atOnce[mode].logits / 4);
      expect(planned[mode].total, mode).toBeLessThan(atOnce[mode].total - 4 * 1024 * 40_000);
    }
    const few = estimates({ ...full, batch: { size: 1, length: 2 * hiddenSize + 1 } });
    expect(few.whole.headPieces).toEqual({ count: 1, rows: 2 * hiddenSize });
  });

  it('logits of a trained head do not grow with the number of pieces', async () => {
    const trainable = withLargeHead(await trainAllWeights(model));
    const logitsOf = (count: number) => {
      const batch = { size: 1, length: 1025, rows: 256 * count };
      const headPieces = { count, rows: 256 };
      return estimates({ trainable, model: largeVocabulary(), batch, headPieces }).whole.logits;
    };
    expect(logitsOf(4) - logitsOf(2)).toBeLessThan(4 * 256 * 40_000 * 0.1);
  });

  it('activations: products of all blocks when whole, of one when it is computed again', () => {
    const { whole, recompute } = estimates({ batch: { size: 8, length: 128, rows: 8 } });
    expect(whole.activations).toBeGreaterThan(1.1 * recompute.activations);
  });

  it('attention of long sequences comes in blocks of heads, of which one has its scores at a time', () => {
    const batch = { size: 4, length: 4096, rows: 1 };
    const [planned, atOnce] = [
      estimates({ batch }).layered,
      estimates({ batch, attentionBlocks: 1 }).layered,
    ];
    expect(estimates().layered.attentionBlocks).toBe(1);
    expect(planned.attentionBlocks).toBe(model.config.headCount);
    expect(planned.activations).toBeLessThan(atOnce.activations / 2);
  });

  it('activations: attention in the square of the length, all else in proportion', () => {
    const at = (length: number) =>
      estimates({ batch: { size: 1, length, rows: 1 }, attentionBlocks: 1 }).whole.activations;
    const [one, two, four] = [at(256), at(512), at(1024)] as const;
    expect(two / one).toBeGreaterThan(2);
    expect(four / two).toBeGreaterThan(two / one);
    expect(four / two).toBeLessThan(4);
  });

  it('a reference doubles what blocks and the head compute', () => {
    const [plain, withReference] = [estimates(), estimates({ regularizers: [kl()] })];
    for (const mode of memoryModes) {
      expect(withReference[mode].total, mode).toBeGreaterThan(plain[mode].total);
      expect(withReference[mode].weights, mode).toBe(plain[mode].weights);
    }
  });

  it('sessions: the library where it is not there yet, two semi-spaces and what waits to be collected, 8.5 kB a node', () => {
    const [{ sessions }, { sessions: watched }] = [
      estimates().whole,
      estimates({ evaluation: { examples: [] } }).whole,
    ];
    const outputs = base.trainable.parameters.byteLength;
    const library = runtimeIsLoaded() ? 0 : 23e6;
    const nodes = (sessions - library - 3 * 2 ** 24 - outputs) / 8500;
    // The outputs are the gradients, and one number of the loss.
    expect(nodes - Math.floor(nodes)).toBeCloseTo(4 / 8500, 6);
    expect(nodes).toBeGreaterThan(200);
    expect(watched).toBe(sessions);
  });

  it('of packed batches: no padding in what goes through the blocks', () => {
    const batch = { size: 8, length: 128, rows: 8 };
    const of = (tokens?: number) =>
      estimates({ packing: true, batch: { ...batch, ...(tokens !== undefined && { tokens }) } });
    const [full, half] = [of(), of(4 * 128)];
    expect(full).toEqual(of(8 * 128));
    for (const mode of memoryModes) expect(half[mode].activations, mode).toBeLessThan(full[mode].activations);
    // The residual stream before and after each block, and two gradients, of half of the tokens.
    const { layerCount, hiddenSize } = model.config;
    const states = (layerCount + 3) * 4 * (4 * 128) * hiddenSize;
    expect(full.layered.activations - half.layered.activations).toBeGreaterThan(states);
  });

  it('a table that the head multiplies by is there once, whoever maps it', async () => {
    const tied = await loadModel(checkpointDirectory('qwen2-tied-bfloat16'), { cacheDirectory });
    const config = { r: 2, target_modules: 'all-linear' };
    const trainable = trainAdapter(createLoraAdapter(tied.linearLayers, config));
    const { whole, layered } = estimates({ model: tied, trainable });
    expect(layered.weights).toBe(whole.weights);
  });

  it('observers: the session of an evaluation, the best values, what a rolling back goes to', () => {
    const of = (options: Partial<PlanOptions>) => estimates(options).whole.observers;
    const bytes = base.trainable.parameters.byteLength;
    const evaluated = of({ evaluation: { examples: [] } });
    expect(of({})).toBe(0);
    expect(evaluated).toBeGreaterThan(0);
    expect(of({ evaluation: { examples: [], restoreBest: true } })).toBe(evaluated + bytes);
    // A larger batch is evaluated in larger batches; layer by layer only the head is another one.
    expect(of({ evaluation: { examples: [] }, batch: { size: 8, length: 64 } })).toBeGreaterThan(evaluated);
    const layered = estimates({ evaluation: { examples: [] } }).layered.observers;
    expect(layered).toBeGreaterThan(0);
    expect(layered).toBeLessThan(evaluated);
    const probe = { ...klProbe({ bounds: { rollBack: 1 } }), graphs: () => [] };
    expect(of({ sentinel: { everySteps: 1, probes: [probe] }, tokenizer })).toBe(bytes);
  });

  it('observers: the graphs of each probe', () => {
    const of = (...probes: Probe[]) =>
      estimates({ sentinel: { everySteps: 1, probes }, tokenizer }).whole.observers;
    const graph = { peak: 1e6, outputs: 0, weights: 5, products: 7, tables: 0, nodes: 100 };
    const own = { ...klProbe(), graphs: () => [graph, graph] };
    expect(of(own)).toBeCloseTo(2 * (1.2 * 1e6 + 8500 * 100), 0);
    const [blocks, head] = klProbe().graphs!({ model, tokenizer, adapter: base.trainable.adapter! }) as [
      GraphMemory,
      GraphMemory,
    ];
    // Two logits of at most 256 rows, of the model and of the one without the adapter.
    expect(head.peak).toBeGreaterThan(2 * 4 * 64 * model.config.vocabularySize);
    expect(head.peak).toBeLessThan(8 * 4 * 256 * model.config.vocabularySize);
    expect(blocks.nodes).toBeGreaterThan(head.nodes);
    expect(of(klProbe())).toBeCloseTo(
      1.2 * (blocks.peak + head.peak) + 8500 * (blocks.nodes + head.nodes),
      0,
    );
    expect(of(klProbe(), logOddsProbe())).toBeGreaterThan(of(klProbe()));
  });

  it('observers: sessions of a probe that generates, its cache, and a copy of the adapter to compare with', () => {
    const rules = ['never'];
    const of = (probe: Probe) =>
      estimates({ sentinel: { everySteps: 1, probes: [probe] }, tokenizer }).whole.observers;
    const { adapter } = base.trainable;
    const probe = rulesProbe({ rules, maxNewTokens: 10 });
    const subject = { model, tokenizer, adapter: adapter! };
    const graphs = probe.graphs!(subject);
    expect(graphs).toHaveLength(2);
    const held = probe.heldBytes!(subject);
    expect(of(probe)).toBeCloseTo(
      graphs.reduce((sum, { peak, nodes }) => sum + 1.2 * peak + 8500 * nodes, held),
      0,
    );
    const { layerCount, keyValueHeadCount, headSize } = model.config;
    const longer = rulesProbe({ rules, maxNewTokens: 11 }).heldBytes!(subject);
    // One token more of each of the eight questions.
    expect(longer - held).toBe(8 * layerCount * 2 * keyValueHeadCount * headSize * 4);
    expect(held).toBeGreaterThan(adapter!.parameters.byteLength);
  });

  it('and the sum is the total, for full training too', async () => {
    const evaluation = { examples: [] };
    for (const trainable of [base.trainable, await trainAllWeights(model)]) {
      for (const estimate of Object.values(estimates({ trainable, evaluation }))) {
        const { weights, trained, activations, logits, observers, sessions, total } = estimate;
        expect(observers).toBeGreaterThan(0);
        expect(weights + trained + activations + logits + observers + sessions).toBeCloseTo(total, 0);
      }
    }
  });
});

describe('the choice', () => {
  const limitFor = (mode: MemoryMode) => process.memoryUsage.rss() + estimates()[mode].total;

  it('is the fastest that fits', () => {
    expect(plan({ ...base, memoryLimit: roomy }).chosen.mode).toBe('whole');
    expect(planFastest({ ...base, memoryLimit: roomy }).estimates).toHaveLength(1);
  });

  it('is a slower one under a limit', () => {
    // The memory of this process moves: a batch so large that modes are far apart.
    const large = { ...base, batch: { size: 64, length: 512 } };
    const found = plan({ ...large, memoryLimit: roomy }).estimates;
    const [whole, recompute] = found as [MemoryEstimate, MemoryEstimate];
    const between = process.memoryUsage.rss() + (whole.total + recompute.total) / 2;
    expect(plan({ ...large, memoryLimit: between }).chosen.mode).toBe('recompute');
    expect(planFastest({ ...large, memoryLimit: between }).chosen.mode).toBe('recompute');
  });

  it('is what was asked for', () => {
    for (const memory of memoryModes)
      expect(plan({ ...base, memoryLimit: roomy, memory }).chosen.mode).toBe(memory);
  });

  it('fits into this machine by default', () => {
    expect(plan(base).available).toBeGreaterThan(0);
    expect(plan(base).available).toBeLessThan(process.availableMemory() * 1.1);
  });

  it('is an error with the numbers when nothing fits, before anything is compiled', () => {
    const attempt = () => plan({ ...base, memoryLimit: 1e6 });
    expect(attempt).toThrow(/would need .* GB in mode 'whole'.* GB in mode 'streamed'; there are 0.00 GB/);
    try {
      attempt();
    } catch (error) {
      if (!InsufficientMemoryError.isInstance(error)) throw error;
      expect(Object.keys(error.needed)).toEqual([...memoryModes]);
      expect(error.needed.whole).toBe(estimates().whole.total);
      expect(error.available).toBeLessThan(0);
    }
  });

  it('is an error when the mode that was asked for does not fit', () => {
    expect(() => plan({ ...base, memoryLimit: 1e6, memory: 'layered' })).toThrow(/in mode 'layered'; there/);
    expect(limitFor('whole')).toBeGreaterThan(1e6);
    expect(() => planFastest({ ...base, memoryLimit: 1e6, memory: 'layered' })).toThrow('No other mode fits');
  });

  it('is an error that names a mode that would fit, and advises what the model allows', () => {
    const large = { ...base, batch: { size: 64, length: 512 } };
    const [whole, recompute] = plan({ ...large, memoryLimit: roomy }).estimates as [
      MemoryEstimate,
      MemoryEstimate,
    ];
    for (const [make, precision, advice] of [
      [plan, 'float32', 'in int8 instead of float32'],
      [planFastest, 'int8', 'the step stays the same) or more memory'],
    ] as const) {
      const memoryLimit = process.memoryUsage.rss() + (whole.total + recompute.total) / 2;
      const attempt = () => make({ ...large, model: { ...model, precision }, memoryLimit, memory: 'whole' });
      expect(attempt).toThrow(
        expect.toSatisfy(
          (error: unknown) =>
            InsufficientMemoryError.isInstance(error) &&
            error.fitting === 'recompute' &&
            Object.keys(error.needed).join() === 'whole',
        ),
      );
      expect(attempt).toThrow("Mode 'recompute' would fit");
      expect(attempt).toThrow(advice);
    }
  });

  it('as a whole is a plan only when that fits', () => {
    expect(planWhole({ ...base, memoryLimit: roomy })?.chosen.mode).toBe('whole');
    expect(planWhole({ ...base, memoryLimit: 1e6 })).toBeUndefined();
  });
});

it.each([
  [{ memory: 'small' as MemoryMode }, 'memory'],
  [{ memoryLimit: 0 }, 'memoryLimit'],
  [{ memoryLimit: Number.NaN }, 'memoryLimit'],
  [{ batch: { size: 0, length: 4 } }, 'batch.size'],
  [{ batch: { size: 1, length: 1.5 } }, 'batch.length'],
  [{ batch: { size: 1, length: 4, rows: -1 } }, 'batch.rows'],
])('refuses %j', (options, name) => {
  for (const make of [plan, planFastest]) {
    expect(() => make({ ...base, ...options })).toThrow(
      expect.toSatisfy((error: unknown) => TrainOptionError.isInstance(error) && error.option === name),
    );
  }
});

it("compares precisions on this machine when asked, and advises on the model's", async () => {
  const planned = plan({ ...base, model: { ...base.model, precision: 'int8x3' }, memoryLimit: roomy });
  const { times, advice } = await planned.comparePrecisions();
  expect(Object.keys(times)).toEqual(['float32', 'int8', 'int8x3']);
  expect(advice).toContain(`int8x3 products take ${times.int8x3.toFixed(2)} x the time of float32 ones`);
  expect(advice.includes('so use it')).toBe(times.int8x3 >= 0.95);
});
