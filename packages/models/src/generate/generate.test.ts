import { join } from 'node:path';
import {
  add,
  compile,
  type Executable,
  hostArray,
  matmul,
  scalar,
  tensorType,
  writeSafetensors,
} from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  checkpointCopies,
  goldenDirectory,
  goldenExpectations,
  goldenNames,
  goldenTensors,
  temporaryDirectory,
} from '../__fixtures__/goldens.ts';
import type { CausalLm } from '../causal-lm.ts';
import { GenerationError } from '../errors.ts';
import type { LinearAdapter } from '../linear.ts';
import { loadModel } from '../load-model.ts';
import { createGenerator, type TokenGenerator } from './generate.ts';
import { GeneratorMemory } from './generator-memory.ts';
import type { GeneratedToken } from './options.ts';
import { indexOfLargest } from './sampling.ts';

const cacheDirectory = temporaryDirectory();
const copy = checkpointCopies();

describe.each(goldenNames)('greedy generation of %s', (name) => {
  it('continues as transformers does', async () => {
    const { generation } = await goldenExpectations(name);
    const model = await loadModel(goldenDirectory(name), { cacheDirectory });
    const generator = await createGenerator(model);
    const [tokens] = await generator.generate([generation.promptIds], {
      maxNewTokens: generation.tokens.length,
    });
    await generator.release();
    expect(tokens).toEqual(generation.tokens);
  });
});

const prompts = [
  [5, 9, 200, 31],
  [7],
  [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21],
  [300, 2, 300],
  [1, 2, 3, 4, 5, 6],
];
const seeds = [3, 1, 4, 1, 5];

describe('generation', () => {
  let model: CausalLm;
  let generator: TokenGenerator;
  let uncached: Executable;
  beforeAll(async () => {
    model = await loadModel(goldenDirectory('llama-untied-float32'));
    generator = await createGenerator(model);
    uncached = await compile(({ ids }) => ({ logits: model.head(model.forward(ids!).output) }), {
      ids: tensorType('int64', ['batch', 'seq']),
    });
  });
  afterAll(async () => {
    await generator.release();
    await uncached.release();
  });

  /** Greedy tokens from the plain forward pass over the whole text, anew for every token. */
  async function withoutCache(prompt: readonly number[], count: number): Promise<number[]> {
    const text = [...prompt];
    for (let step = 0; step < count; step++) {
      const { logits } = await uncached.run({
        ids: hostArray(BigInt64Array.from(text, BigInt), [1, text.length]),
      });
      text.push(indexOfLargest((logits!.data as Float32Array).subarray(-model.config.vocabularySize)));
    }
    return text.slice(prompt.length);
  }

  it('with the cache, in a batch of unlike lengths, equals generation without', async () => {
    const found = await generator.generate(prompts, { maxNewTokens: 10, stopTokenIds: [] });
    for (const [index, prompt] of prompts.entries())
      expect(found[index]).toEqual(await withoutCache(prompt, 10));
  });

  it('with many rows at once, equals generation without', async () => {
    const many = Array.from({ length: 9 }, (_, row) => [row * 40 + 1, 7, row]);
    const found = await generator.generate(many, { maxNewTokens: 4, stopTokenIds: [] });
    for (const [index, prompt] of many.entries()) expect(found[index]).toEqual(await withoutCache(prompt, 4));
  });

  it('gives a sampled prompt the same whatever else is in the batch, and in whatever order', async () => {
    const options = {
      maxNewTokens: 12,
      temperature: 1,
      topP: 0.95,
      topK: 100,
      stopTokenIds: [40, 80, 120, 160],
    };
    const together = await generator.generate(prompts, { ...options, seeds });
    for (const [index, prompt] of prompts.entries()) {
      expect(await generator.generate([prompt], { ...options, seeds: [seeds[index]!] })).toEqual([
        together[index],
      ]);
    }
    const reversed = await generator.generate(prompts.toReversed(), {
      ...options,
      seeds: seeds.toReversed(),
    });
    expect(reversed.toReversed()).toEqual(together);
    expect(await generator.generate(prompts, { ...options, seeds, batchSize: 2 })).toEqual(together);
    const otherSeeds = await generator.generate(prompts, {
      ...options,
      seeds: seeds.map((seed) => seed + 10),
    });
    expect(otherSeeds).not.toEqual(together);
  });

  it('ends at a stop token, which it includes, while the other rows go on', async () => {
    const free = await generator.generate(prompts, { maxNewTokens: 12, stopTokenIds: [] });
    // The longest prompt stops first, so that slots are trimmed; the rest must not notice.
    const stop = free[2]![1]!;
    const stopped = await generator.generate(prompts, { maxNewTokens: 12, stopTokenIds: [stop] });
    for (const [index, tokens] of free.entries()) {
      const at = tokens.indexOf(stop);
      expect(stopped[index]).toEqual(at === -1 ? tokens : tokens.slice(0, at + 1));
    }
    expect(stopped[2]).toHaveLength(free[2]!.indexOf(stop) + 1);
    expect(stopped.some((tokens) => tokens.length === 12)).toBe(true);
  });

  it("stops at the model's end tokens when none are given", async () => {
    const [free] = await generator.generate([prompts[0]!], { maxNewTokens: 6, stopTokenIds: [] });
    const ending = { ...model, config: { ...model.config, eosTokenIds: [free![2]!] } };
    const other = await createGenerator(ending);
    expect(await other.generate([prompts[0]!], { maxNewTokens: 6 })).toEqual([
      free!.slice(0, free!.indexOf(free![2]!) + 1),
    ]);
    await other.release();
  });

  it('ends where the positions of the model end', async () => {
    const long = Array.from({ length: 250 }, (_, index) => index % 300);
    const [tokens] = await generator.generate([long], { maxNewTokens: 50, stopTokenIds: [] });
    expect(tokens).toHaveLength(6);
  });

  it('takes a prompt in pieces as it takes it whole', async () => {
    const config = { ...model.config, maximumPositions: 2000 };
    const long = Array.from({ length: 1100 }, (_, index) => (index * 7919) % 384);
    const wide = await createGenerator({ ...model, config });
    const found = await wide.generate([long, long.slice(0, 520), [5, 9, 200, 31]], {
      maxNewTokens: 3,
      stopTokenIds: [],
    });
    await wide.release();
    expect(found[0]).toEqual(await withoutCache(long, 3));
    expect(found[1]).toEqual(await withoutCache(long.slice(0, 520), 3));
    expect(found[2]).toEqual(await withoutCache([5, 9, 200, 31], 3));
  });

  it('reports progress, and gives nothing for no prompts', async () => {
    const reports: { finished: number; total: number; tokens: number }[] = [];
    await generator.generate(prompts, {
      maxNewTokens: 3,
      stopTokenIds: [],
      batchSize: 3,
      onProgress: (r) => reports.push(r),
    });
    expect(reports.map(({ tokens }) => tokens)).toEqual([3, 6, 9, 11, 13, 15]);
    expect(reports.map(({ finished }) => finished)).toEqual([0, 0, 3, 3, 3, 5]);
    expect(reports.every(({ total }) => total === 5)).toBe(true);
    expect(await generator.generate([], { maxNewTokens: 3 })).toEqual([]);
  });

  it('ends when the signal says so', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let steps = 0;
    const onProgress = () => {
      if (++steps === 2) controller.abort(reason);
    };
    const options = { maxNewTokens: 50, stopTokenIds: [], signal: controller.signal, onProgress };
    await expect(generator.generate(prompts, options)).rejects.toBe(reason);
    expect(steps).toBe(2);
  });

  it.each([
    [{ maxNewTokens: 0 }, [[1]], undefined],
    [{ maxNewTokens: 1, batchSize: 1.5 }, [[1]], undefined],
    [{ maxNewTokens: 1, temperature: 1 }, [[1]], undefined],
    [{ maxNewTokens: 1, temperature: 1, seeds: [1, 2] }, [[1]], undefined],
    [{ maxNewTokens: 1, temperature: 1, seeds: [-1] }, [[1]], undefined],
    [{ maxNewTokens: 1, topP: 2 }, [[1]], undefined],
    [{ maxNewTokens: 1, stopStrings: ['x'] }, [[1]], undefined],
    [{ maxNewTokens: 1, stopStrings: [''] }, [[1]], undefined],
    [{ maxNewTokens: 1, stopTokenIds: [1.5] }, [[1]], undefined],
    [{ maxNewTokens: 1 }, [[1], []], 1],
    [{ maxNewTokens: 1 }, [[1], [384]], 1],
    [{ maxNewTokens: 1 }, [[-1]], 0],
    [{ maxNewTokens: 1 }, [Array.from({ length: 256 }, () => 1)], 0],
  ])('refuses %j', async (options, given, prompt) => {
    const error: unknown = await generator.generate(given, options).catch((caught: unknown) => caught);
    if (!GenerationError.isInstance(error)) throw error;
    expect(error.prompt).toBe(prompt);
  });

  it.each([
    [{ temprature: 1 }, "generate: there is no option 'temprature'. Did you mean 'temperature'?"],
    [{ stop_strings: ['x'] }, "Did you mean 'stopStrings'?"],
    [{ max_new_tokens: 3 }, "Did you mean 'maxNewTokens'?"],
  ])('refuses the misspelt %j by name', async (options, message) => {
    await expect(generator.generate([[1]], { maxNewTokens: 1, ...options } as never)).rejects.toThrow(
      message,
    );
  });

  it('keeps a text for the next call, unless it is told not to', async () => {
    const [shrink, forget] = [
      vi.spyOn(GeneratorMemory.prototype, 'shrink'),
      vi.spyOn(GeneratorMemory.prototype, 'forget'),
    ];
    const options = { maxNewTokens: 4, stopTokenIds: [] };
    const expected = await generator.generate([prompts[2]!], options);
    expect([shrink, forget].map((spy) => spy.mock.calls.length)).toEqual([1, 0]);
    const forgetful = await createGenerator(model, { keepsText: false });
    expect(await forgetful.generate([prompts[2]!], options)).toEqual(expected);
    await expect(
      forgetful.generate([prompts[2]!], { ...options, signal: AbortSignal.abort() }),
    ).rejects.toThrow('aborted');
    expect([shrink, forget].map((spy) => spy.mock.calls.length)).toEqual([1, 2]);
    const memory = forget.mock.contexts[0] as unknown as GeneratorMemory;
    expect(memory.recall({}).known).toBeUndefined();
    expect(
      (shrink.mock.contexts[0] as unknown as GeneratorMemory).recall({}).known?.texts[0]?.slice(0, 3),
    ).toEqual([11, 12, 13]);
    vi.restoreAllMocks();
    await forgetful.release();
  });

  it('refuses a misspelt option of the generator', async () => {
    await expect(createGenerator(model, { adaptor: {} } as never)).rejects.toThrow(
      "createGenerator: there is no option 'adaptor'. Did you mean 'adapter'?",
    );
  });

  it('tells each token as it is made, and why the last is the last', async () => {
    const free = await generator.generate(prompts, { maxNewTokens: 6, stopTokenIds: [] });
    const stop = free[1]![2]!;
    const heard: GeneratedToken[] = [];
    const found = await generator.generate(prompts, {
      maxNewTokens: 6,
      stopTokenIds: [stop],
      onToken: (made) => heard.push(made),
    });
    for (const [prompt, tokens] of found.entries()) {
      const own = heard.filter((made) => made.prompt === prompt);
      expect(own.map(({ token }) => token)).toEqual(tokens);
      const reasons = own.map(({ finishReason }) => finishReason);
      expect(reasons.slice(0, -1).every((reason) => reason === undefined)).toBe(true);
      expect(reasons.at(-1)).toBe(tokens.at(-1) === stop ? 'stop' : 'length');
    }
    expect(heard.filter(({ finishReason }) => finishReason === 'stop').length).toBeGreaterThan(0);
    // As they are made: the rows' first tokens come before any second one.
    expect(new Set(heard.slice(0, prompts.length).map(({ prompt }) => prompt)).size).toBe(prompts.length);
  });

  it('refuses logits that are not numbers', async () => {
    const broken = await createGenerator(model, { hidden: (state) => add(state, scalar(Number.NaN)) });
    await expect(broken.generate([[1], [2]], { maxNewTokens: 2 })).rejects.toThrow(/prompt 0: .* not finite/);
    await broken.release();
  });

  it('edits the residual stream where asked', async () => {
    const layers = new Set<number>();
    const pushed = await createGenerator(model, {
      hidden: (state, layer) => {
        layers.add(layer);
        return layer === 1 ? add(state, scalar(0.5)) : state;
      },
    });
    const plain = await generator.generate(prompts, { maxNewTokens: 8, stopTokenIds: [] });
    expect(await pushed.generate(prompts, { maxNewTokens: 8, stopTokenIds: [] })).not.toEqual(plain);
    expect([...layers]).toEqual([0, 1, 2]);
    await pushed.release();
  });
});

describe('generation with an adapter', () => {
  const target = 'model.layers.1.mlp.down_proj';

  /** x W^T + x D^T for one layer. */
  function deltaAdapter(delta: Float32Array): LinearAdapter {
    return {
      tensors: { [`${target}.delta`]: hostArray(delta, [32, 64]) },
      linear: (traced) => (x, layer, weights) => {
        const product = matmul(x, weights.weight, { transposeB: true });
        if (layer.name !== target) return product;
        expect(layer).toMatchObject({ inFeatures: 64, outFeatures: 32 });
        return add(product, matmul(x, traced[`${target}.delta`]!, { transposeB: true }));
      },
    };
  }

  it.each([
    [
      'a layer that the model lacks',
      { name: 'model.layers.9.mlp.down_proj', inFeatures: 64, outFeatures: 32 },
    ],
    ['a layer of other widths', { name: target, inFeatures: 64, outFeatures: 31 }],
  ])('refuses an adapter of %s', async (_name, module) => {
    const model = await loadModel(goldenDirectory('llama-untied-float32'));
    const adapter = { ...deltaAdapter(new Float32Array(32 * 64)), modules: [module] };
    await expect(createGenerator(model, { adapter })).rejects.toSatisfy(
      (error) => GenerationError.isInstance(error) && error.message.includes(module.name),
    );
  });

  it('equals generation with the adapter merged into the weights, and follows its values', async () => {
    const delta = Float32Array.from({ length: 32 * 64 }, (_, index) => 0.3 * Math.sin(index * 1.7));
    const directory = await copy('llama-untied-float32');
    const tensors = await goldenTensors('llama-untied-float32', 'model.safetensors');
    const merged = (tensors[`${target}.weight`]!.data as Float32Array).map(
      (value, index) => value + delta[index]!,
    );
    const changed = { ...tensors, [`${target}.weight`]: hostArray(merged, [32, 64]) };
    await writeSafetensors(join(directory, 'model.safetensors'), changed);

    const options = { maxNewTokens: 12, stopTokenIds: [] };
    const model = await loadModel(goldenDirectory('llama-untied-float32'));
    const plain = await createGenerator(model);
    const values = delta.slice();
    const adapted = await createGenerator(model, { adapter: deltaAdapter(values) });
    const reference = await createGenerator(await loadModel(directory));
    const expected = await reference.generate(prompts, options);
    const without = await plain.generate(prompts, options);
    expect(expected).not.toEqual(without);
    expect(await adapted.generate(prompts, options)).toEqual(expected);
    values.fill(0);
    expect(await adapted.generate(prompts, options)).toEqual(without);
    await Promise.all([plain, adapted, reference].map((generator) => generator.release()));
  });
});
