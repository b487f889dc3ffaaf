import {
  add,
  compile,
  type Executable,
  type HostArray,
  hostArray,
  matmul,
  tensorType,
} from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldenDirectory } from '../__fixtures__/goldens.ts';
import type { CausalLm } from '../causal-lm.ts';
import { loadModel } from '../load-model.ts';
import { type CachedBatchOptions, startBatch } from './cached-batch.ts';
import { compileGenerator } from './executable.ts';
import { GeneratorMemory } from './generator-memory.ts';

const tokens = (length: number, seed: number) =>
  Array.from({ length }, (_, index) => (seed * 131 + index * (7 + seed)) % 384);
const system = tokens(40, 1);

describe('startBatch', () => {
  let model: CausalLm;
  let executable: Executable;
  let plain: Executable;
  beforeAll(async () => {
    model = await loadModel(goldenDirectory('llama-untied-float32'));
    executable = await compileGenerator(model, undefined, undefined, {});
    plain = await compile(({ ids }) => ({ logits: model.head(model.forward(ids!).output) }), {
      ids: tensorType('int64', ['batch', 'seq']),
    });
  });
  afterAll(async () => {
    await executable.release();
    await plain.release();
  });

  /** Options, and the numbers of rows and of tokens a row of the runs that are made with them. */
  function recorded(changes: Partial<CachedBatchOptions> = {}) {
    const runs: [number, number][] = [];
    const recorder: Pick<Executable, 'run'> = {
      run: (inputs, options) => {
        runs.push([...(inputs.tokenIds as HostArray).shape] as [number, number]);
        return executable.run(inputs, options);
      },
    };
    const options: CachedBatchOptions = {
      executable: recorder as Executable,
      stepExecutable: async () => recorder as Executable,
      config: model.config,
      tensors: {},
      memory: new GeneratorMemory(),
      newTokens: 8,
      beforeRun: async () => {},
      ...changes,
    };
    return { runs, options };
  }

  /** Logits that follow a text, without a cache. */
  async function logitsAfter(text: readonly number[]): Promise<Float32Array> {
    const { logits } = await plain.run({
      ids: hostArray(BigInt64Array.from(text, BigInt), [1, text.length]),
    });
    return (logits!.data as Float32Array).subarray(-model.config.vocabularySize);
  }

  async function expectLogits(found: readonly Float32Array[], texts: readonly (readonly number[])[]) {
    expect(found).toHaveLength(texts.length);
    for (const [row, text] of texts.entries()) {
      const expected = await logitsAfter(text);
      const differences = expected.map((value, token) => Math.abs(value - found[row]![token]!));
      expect(Math.max(...differences), `row ${row}`).toBeLessThan(1e-4);
    }
  }

  it('computes what prompts have in common once', async () => {
    const prompts = [
      [...system, 5, 6, 7],
      [...system, 5, 6, 8, 9],
      tokens(20, 3),
      [...system, 5, 6, 7],
      [...system, 5, 6, 8, 9],
    ];
    const { runs, options } = recorded();
    const { batch, logits } = await startBatch(prompts, options);
    await expectLogits(logits, prompts);
    // Two prompts whole, the end of the second, and one token each of those that came before.
    expect(runs).toEqual([
      [1, 43],
      [1, 20],
      [1, 2],
      [2, 1],
    ]);
    const next = [1, 2, 3, 4, 5];
    await expectLogits(
      await batch.step(next),
      prompts.map((prompt, row) => [...prompt, next[row]!]),
    );
  });

  it('takes unlike prompts of like length together, and long ones in pieces', async () => {
    const prompts = [1100, 30, 29, 24, 10].map((length, seed) => tokens(length, 5 + seed));
    const { runs, options } = recorded();
    const { batch, logits } = await startBatch(prompts, options);
    await expectLogits(logits, prompts);
    expect(runs).toEqual([
      [1, 512],
      [1, 512],
      [1, 76],
      [3, 30],
      [1, 10],
    ]);
    await expectLogits(
      await batch.step([9, 8, 7, 6, 5]),
      prompts.map((prompt, row) => [...prompt, 9 - row]),
    );
  });

  it('makes room as texts grow, and keeps what they held', async () => {
    const texts = [12, 3, 30].map((length, seed) => tokens(length, 40 + seed));
    const capacities = new Set<number>();
    const recorder: Pick<Executable, 'run'> = {
      run: (inputs, options) => {
        capacities.add((inputs['cache.0.key'] as HostArray).shape[2]!);
        return executable.run(inputs, options);
      },
    };
    const { options } = recorded({
      newTokens: 70,
      executable: recorder as Executable,
      stepExecutable: async () => recorder as Executable,
    });
    const { batch } = await startBatch(texts, options);
    let logits: Float32Array[] = [];
    for (let step = 0; step < 70; step++) {
      const kept = step < 40 ? [0, 1, 2] : [0, 2];
      if (step === 40) batch.keep(kept);
      for (const row of kept) texts[row]!.push((row * 50 + step * 7) % 384);
      logits = await batch.step(kept.map((row) => texts[row]!.at(-1)!));
    }
    await expectLogits(logits, [texts[0]!, texts[2]!]);
    expect([...capacities]).toEqual([62, 95, 100]);
  });

  it('goes on with the rows that are kept, beyond the room it had', async () => {
    const texts = [12, 9, 7, 30].map((length, seed) => tokens(length, 20 + seed));
    const { options } = recorded({ newTokens: 2 });
    const { batch } = await startBatch(texts, options);
    const step = async (rows: readonly number[]) => {
      for (const row of rows) texts[row]!.push((row * 50 + texts[row]!.length) % 384);
      const logits = await batch.step(rows.map((row) => texts[row]!.at(-1)!));
      await expectLogits(
        logits,
        rows.map((row) => texts[row]!),
      );
    };
    await step([0, 1, 2, 3]);
    batch.keep([1, 3]);
    await step([1, 3]);
    await step([1, 3]);
    await step([1, 3]);
    batch.keep([1]);
    await step([3]);
  });

  it('remembers a text from call to call, until the adapter changes', async () => {
    const delta = new Float32Array(32 * 64);
    const name = 'model.layers.1.mlp.down_proj';
    const adapter = {
      tensors: { delta: hostArray(delta, [32, 64]) },
      linear:
        (
          traced: Readonly<Record<string, import('@safetune/tensor').Tensor>>,
        ): import('../linear.ts').LinearFunction =>
        (x, layer, { weight }) => {
          const product = matmul(x, weight, { transposeB: true });
          return layer.name === name ? add(product, matmul(x, traced.delta!, { transposeB: true })) : product;
        },
    };
    const adapted = await compileGenerator(model, adapter, undefined, {});
    const runs: number[] = [];
    const recorder = {
      run: (inputs: Parameters<Executable['run']>[0], options: Parameters<Executable['run']>[1]) => {
        runs.push((inputs.tokenIds as HostArray).size);
        return adapted.run(inputs, options);
      },
    };
    const { options } = recorded({
      executable: recorder as Executable,
      stepExecutable: async () => recorder as Executable,
      tensors: adapter.tensors,
    });
    const first = [...system, 3, 4];
    const { batch } = await startBatch([tokens(50, 9), first], options);
    await batch.step([1, 2]);
    options.memory.shrink(model.config);
    runs.length = 0;
    // The longest text was kept, with what it was continued by.
    const longer = [...tokens(50, 9), 1, 7, 8];
    const { logits } = await startBatch([longer], options);
    expect(runs).toEqual([2]);
    await expectLogits(logits, [longer]);
    delta.fill(0.01);
    runs.length = 0;
    const [changed] = (await startBatch([longer], options)).logits;
    expect(runs).toEqual([53]);
    const { options: afresh } = recorded({
      executable: adapted,
      stepExecutable: async () => adapted,
      tensors: adapter.tensors,
    });
    const [expected] = (await startBatch([longer], afresh)).logits;
    expect(changed).toEqual(expected);
    expect(changed).not.toEqual(logits[0]);
    await adapted.release();
  });
});
