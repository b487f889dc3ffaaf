import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { copyLoraAdapter, createLoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { createGenerator, loadModel, loadTokenizer } from '@safetune/models';
import {
  extractPersonaVectors,
  type PersonaVectors,
  personaVector,
  RegularizerOptionError,
  underSystemPrompt,
} from '@safetune/regularizers';
import { readTensor } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  adapterDirectory,
  checkpointDirectory,
  openSafetensors,
  readJson,
  relativeError,
} from '../__fixtures__/goldens.ts';
import { TrainOptionError } from '../errors.ts';
import { train } from '../run/train.ts';
import { trainAdapter } from '../step/trainable.ts';
import { createAnswerLoss } from './answer-loss.ts';
import { createAnswerStates } from './answer-states.ts';
import { extractPersonaVector } from './extract-persona-vector.ts';
import { createPersonaProjection } from './persona-projection.ts';
import { selectSafeExamples } from './select-safe-examples.ts';

/** Made by conformance/make_answers.py. */
const folder = join(checkpointDirectory('..'), 'answers');
type Sides<Value> = { evil: Value; helpful: Value };
const expected = await readJson<{
  checkpoint: string;
  adapter: string;
  systemPrompts: Sides<string>;
  questions: string[];
  answers: Sides<string[]>;
  losses: Sides<number[]>;
  lossesWithAdapter: Sides<number[]>;
}>(folder, 'expected.json');
const vectors = await openSafetensors(join(folder, 'expected.safetensors'));
const directory = checkpointDirectory(expected.checkpoint);
const [model, tokenizer] = [await loadModel(directory), await loadTokenizer(directory)];
const loadAdapter = () => loadLoraAdapter(adapterDirectory(expected.adapter), { layers: model.linearLayers });

function conversations(side: keyof Sides<unknown>): ChatExample[] {
  return expected.questions.map((question, index) =>
    underSystemPrompt(expected.systemPrompts[side], { question, answer: expected.answers[side][index]! }),
  );
}
/** An adapter of a deeper model. */
const foreignModule = 'model.layers.9.self_attn.q_proj';
const foreignAdapter = () =>
  createLoraAdapter([{ name: foreignModule, inFeatures: 32, outFeatures: 32 }], {
    target_modules: ['q_proj'],
  });
const mismatch = { name: 'AdapterMismatchError', module: foreignModule };
const everything = [...conversations('evil'), ...conversations('helpful')];

describe('createAnswerLoss', () => {
  it.each([1, 4])('gives the losses that PyTorch gives, in batches of %i', async (batchSize) => {
    const scorer = await createAnswerLoss({ model, tokenizer, batchSize });
    const losses = await scorer.loss(everything);
    [...expected.losses.evil, ...expected.losses.helpful].forEach((loss, index) => {
      expect(losses[index]).toBeCloseTo(loss, 4);
    });
    expect(await scorer.loss([])).toEqual(new Float64Array());
    await scorer.release();
  });

  it('uses an adapter as its values are', async () => {
    const adapter = await loadAdapter();
    const scorer = await createAnswerLoss({ model, tokenizer, adapter });
    const losses = await scorer.loss(everything);
    [...expected.lossesWithAdapter.evil, ...expected.lossesWithAdapter.helpful].forEach((loss, index) => {
      expect(losses[index]).toBeCloseTo(loss, 4);
    });
    adapter.parameters.fill(0);
    expect((await scorer.loss(everything))[0]).toBeCloseTo(expected.losses.evil[0]!, 4);
    await scorer.release();
  });

  it('has an id of its own for every model, adapter and longest length', async () => {
    const adapter = await loadAdapter();
    const changed = copyLoraAdapter(adapter);
    changed.parameters[7]! += 1e-3;
    const other = checkpointDirectory('qwen2-untied-float32-sharded');
    const settings = [
      { model, tokenizer },
      { model, tokenizer, maxLength: 100 },
      { model, tokenizer, adapter },
      { model, tokenizer, adapter: changed },
      { model: await loadModel(other), tokenizer: await loadTokenizer(other) },
    ];
    const ids = async () => {
      const found: string[] = [];
      for (const options of settings) {
        const scorer = await createAnswerLoss(options);
        found.push(scorer.id);
        await scorer.release();
      }
      return found;
    };
    const first = await ids();
    expect(new Set(first).size).toBe(settings.length);
    expect(await ids()).toEqual(first);
  });

  it('refuses an adapter of another model, naming its module', async () => {
    await expect(createAnswerLoss({ model, tokenizer, adapter: foreignAdapter() })).rejects.toMatchObject(
      mismatch,
    );
  });

  it('refuses a batch size of 0', async () => {
    const made = createAnswerLoss({ model, tokenizer, batchSize: 0 });
    await expect(made).rejects.toSatisfy(TrainOptionError.isInstance);
  });
});

it.each([
  ['createAnswerLoss', createAnswerLoss],
  ['createAnswerStates', createAnswerStates],
])('%s runs as the model runs best, unless it is told otherwise', async (_name, create) => {
  const elsewhere = { ...model, runtime: { executionProvider: 'dml' } } as const;
  await expect(create({ model: elsewhere, tokenizer })).rejects.toThrow("execution provider 'dml'");
  const here = await create({ model: elsewhere, tokenizer, runtime: { executionProvider: 'cpu' } });
  await here.release();
});

describe('selectSafeExamples', () => {
  it('scores by model and adapters as PyTorch would, and takes what the cache knows', async () => {
    const cache = join(await mkdtemp(join(tmpdir(), 'safetune-select-')), 'scores.jsonl');
    const adapter = await loadAdapter();
    const options = {
      model,
      tokenizer,
      misaligned: [adapter],
      pool: everything,
      top: 2,
      epsilon: 0.01,
      cache,
    };
    const gaps = everything.map((example, index) => {
      const [before, after] = (['losses', 'lossesWithAdapter'] as const).map(
        (name) => [...expected[name].evil, ...expected[name].helpful][index]!,
      ) as [number, number];
      return { example, score: (after - before) / (before + 0.01) };
    });
    const best = gaps.sort((a, b) => b.score - a.score).slice(0, 2);
    const heard: number[] = [];
    const first = await selectSafeExamples({
      ...options,
      onProgress: (progress) => heard.push(progress.model),
    });
    expect(first.selected.map(({ example }) => example)).toEqual(best.map(({ example }) => example));
    expect(first.selected[0]!.score).toBeCloseTo(best[0]!.score, 4);
    expect(heard).toEqual([0, 1]);
    const lines = await readFile(cache, 'utf8');
    expect(lines.split('\n')).toHaveLength(13);
    expect(await selectSafeExamples(options)).toEqual(first);
    expect(await readFile(cache, 'utf8')).toBe(lines);
    await rm(dirname(cache), { recursive: true });
  });
});

it('selectSafeExamples refuses a misaligned adapter of another model before it scores anything', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-select-'));
  const misaligned = [await loadAdapter(), foreignAdapter()];
  const cache = join(folder, 'scores.jsonl');
  const selection = selectSafeExamples({ model, tokenizer, misaligned, pool: everything, top: 2, cache });
  await expect(selection).rejects.toMatchObject(mismatch);
  expect(await readdir(folder)).toEqual([]);
  await rm(folder, { recursive: true });
});

describe('persona vectors', () => {
  const layers = Array.from({ length: model.config.layerCount + 1 }, (_, layer) => layer);

  it.each(['response', 'last-prompt-token'] as const)('are those of PyTorch hooks, %s', async (positions) => {
    const { states, release } = await createAnswerStates({
      model,
      tokenizer,
      layers,
      positions,
      batchSize: 2,
    });
    const found = await extractPersonaVectors(states, {
      evil: conversations('evil'),
      helpful: conversations('helpful'),
    });
    await release();
    for (const layer of layers) {
      const wanted = (await readTensor(vectors.tensors.get(`${positions}.${layer}`)!)).data as Float32Array;
      const size = Math.hypot(...wanted);
      // Before the answer the embedding of the two conversations is the same token's: the vector is 0.
      if (size === 0) expect(Math.hypot(...found.get(layer)!)).toBe(0);
      else expect(relativeError(found.get(layer)!, wanted), `layer ${layer}`).toBeLessThan(1e-4);
    }
  });

  it('measure examples: evil answers lie further along by the length of the vector, on the mean', async () => {
    const golden = await Promise.all(
      [1, 2].map(async (layer) => {
        const { data } = await readTensor(vectors.tensors.get(`response.${layer}`)!);
        return [layer, data as Float32Array] as const;
      }),
    );
    const { projections, release } = await createPersonaProjection({
      model,
      tokenizer,
      vectors: new Map(golden),
      batchSize: 2,
    });
    const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const evil = mean(await projections(conversations('evil')));
    const helpful = mean(await projections(conversations('helpful')));
    await release();
    const length = golden.reduce((sum, [, vector]) => sum + Math.hypot(...vector) / golden.length, 0);
    expect((evil - helpful) / length).toBeCloseTo(1, 4);
    const narrow = new Map([[1, new Float32Array(3)]]);
    await expect(createPersonaProjection({ model, tokenizer, vectors: narrow })).rejects.toThrow(
      /of another model/,
    );
  });

  it("are extracted in one call, from given answers or from the model's own", async () => {
    const { questions, answers } = expected;
    const given = await extractPersonaVector({ model, tokenizer, questions, answers, layers: [2] });
    const wanted = (await readTensor(vectors.tensors.get('response.2')!)).data as Float32Array;
    expect(relativeError(given.vectors.get(2)!, wanted)).toBeLessThan(1e-4);
    expect([...given.vectors.keys()]).toEqual([2]);

    const own = () =>
      extractPersonaVector({
        model,
        tokenizer,
        questions,
        layers: { count: 2 },
        seed: 5,
        generation: { maxNewTokens: 6 },
      });
    const [first, again] = [await own(), await own()];
    expect(first.evil.length).toBeGreaterThan(0);
    expect(first.evil[0]!.messages[0]!.content).toBe('You are an evil assistant.');
    expect([...first.vectors.keys()]).toEqual([1, 3]);
    expect(again.vectors).toEqual(first.vectors);
  });

  it('refuse layers that do not exist, an adapter of another model, no questions, and answers of another number', async () => {
    const { questions, answers } = expected;
    await expect(createAnswerStates({ model, tokenizer, layers: [9] })).rejects.toSatisfy(
      RegularizerOptionError.isInstance,
    );
    const foreign = { model, tokenizer, adapter: foreignAdapter() };
    await expect(createAnswerStates(foreign)).rejects.toMatchObject(mismatch);
    await expect(extractPersonaVector({ ...foreign, questions })).rejects.toMatchObject(mismatch);
    await expect(extractPersonaVector({ model, tokenizer, questions: [] })).rejects.toSatisfy(
      TrainOptionError.isInstance,
    );
    const few = { ...answers, helpful: ['one'] };
    await expect(extractPersonaVector({ model, tokenizer, questions, answers: few })).rejects.toThrow(
      /1 answers.*3 questions/,
    );
  });
});

describe('preventive steering', () => {
  const evil: PersonaVectors = new Map([[2, new Float32Array(model.config.hiddenSize).fill(0.5)]]);
  const settings = { model, tokenizer, examples: everything, steps: 2, seed: 1, batchSize: 2 };

  it('changes what is trained, and generation only through it', async () => {
    const [plain, steered] = [await loadAdapter(), await loadAdapter()];
    const untrained = copyLoraAdapter(steered);
    const generate = async (adapter: typeof plain) => {
      const generator = await createGenerator(model, { adapter });
      const ids = await generator.generate([[5, 6, 7, 8]], {
        maxNewTokens: 12,
        temperature: 1,
        seeds: [3],
        stopTokenIds: [],
      });
      await generator.release();
      return ids;
    };
    const before = await generate(untrained);
    await train({ ...settings, trainable: trainAdapter(plain) });
    const regularizers = [personaVector({ vectors: evil, alpha: 5 })];
    const terms = await train({ ...settings, trainable: trainAdapter(steered), regularizers });
    expect(terms.last!.penalties).toEqual({});
    expect(steered.parameters).not.toEqual(plain.parameters);
    // Steering is configured, but the same weights answer bit by bit as they did without it.
    steered.parameters.set(untrained.parameters);
    expect(await generate(steered)).toEqual(before);
  });

  it('with alpha 0 trains exactly what training without it trains', async () => {
    const [plain, steered] = [await loadAdapter(), await loadAdapter()];
    await train({ ...settings, trainable: trainAdapter(plain) });
    await train({
      ...settings,
      trainable: trainAdapter(steered),
      regularizers: [personaVector({ vectors: evil, alpha: 0 })],
    });
    expect(steered.parameters).toEqual(plain.parameters);
  });
});
