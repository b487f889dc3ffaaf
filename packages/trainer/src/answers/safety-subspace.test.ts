import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import { type SafetySubspace, salora, saveSafetySubspace } from '@safetune/regularizers';
import { type HostArray, readTensor } from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldenAnswers } from '../__fixtures__/golden-answers.ts';
import { checkpointDirectory, openSafetensors, relativeError } from '../__fixtures__/goldens.ts';
import { examples, setUp } from '../__fixtures__/small-run.ts';
import { TrainOptionError } from '../errors.ts';
import { trainIntoDirectory } from '../run/run-directory.ts';
import { train } from '../run/train.ts';
import { trainAdapter } from '../step/trainable.ts';
import { extractSafetySubspace } from './extract-safety-subspace.ts';
import { layerMoments } from './layer-moments.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-subspace-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** U U^T, row by row. */
function projector(basis: HostArray): Float64Array {
  const [rows, columns] = basis.shape as [number, number];
  return Float64Array.from({ length: rows * rows }, (_, at) => {
    let sum = 0;
    for (let column = 0; column < columns; column++)
      sum += Number(basis.get(Math.floor(at / rows), column)) * Number(basis.get(at % rows, column));
    return sum;
  });
}

/** ||U^T B||_F / ||B||_F over all modules. */
function within(adapter: LoraAdapter, subspace: SafetySubspace): number {
  let [inside, all] = [0, 0];
  for (const { name, b } of adapter.modules) {
    const basis = subspace.get(name)!;
    const [rows, rank] = b.shape as [number, number];
    for (let column = 0; column < rank; column++) {
      for (let row = 0; row < rows; row++) all += Number(b.get(row, column)) ** 2;
      for (let direction = 0; direction < basis.shape[1]!; direction++) {
        let product = 0;
        for (let row = 0; row < rows; row++)
          product += Number(basis.get(row, direction)) * Number(b.get(row, column));
        inside += product ** 2;
      }
    }
  }
  return Math.sqrt(inside / all);
}

describe('extractSafetySubspace', () => {
  it('spans what PyTorch finds by the SVD of W X over the response tokens', async () => {
    const folder = checkpointDirectory('qwen2-tied-bfloat16');
    const [model, tokenizer] = [await loadModel(folder), await loadTokenizer(folder)];
    const answered = { examples: await goldenAnswers(), rank: 4, batchSize: 2 };
    const subspace = await extractSafetySubspace({ model, tokenizer, ...answered });
    const golden = await openSafetensors(
      join(checkpointDirectory('..'), 'weight-edits', 'salora.safetensors'),
    );
    expect([...subspace.keys()].sort()).toEqual([...golden.tensors.keys()].sort());
    for (const [name, region] of golden.tensors) {
      const wanted = (await readTensor(region)).data as Float32Array;
      expect(relativeError(projector(subspace.get(name)!), wanted), name).toBeLessThan(2e-3);
    }
  });

  it('takes the layers that are named, and refuses what there is not', async () => {
    const { options } = await setUp();
    const { model, tokenizer } = options;
    const layers = ['model.layers.1.mlp.up_proj'];
    const few = await extractSafetySubspace({ model, tokenizer, examples, layers });
    expect([...few].map(([name, { shape }]) => [name, shape[1]! <= 16])).toEqual([[layers[0], true]]);
    const refused = [{ examples: [] }, { layers: ['model.layers.9.mlp.up_proj'] }];
    for (const wrong of refused)
      await expect(extractSafetySubspace({ model, tokenizer, examples, ...wrong })).rejects.toSatisfy(
        TrainOptionError.isInstance,
      );
    await expect(extractSafetySubspace({ model, tokenizer, examples, rank: 0 })).rejects.toThrow('rank is 0');
  });

  it('sums inputs over all tokens, once for layers that share them, whatever the batches', async () => {
    const { options } = await setUp();
    const { model, tokenizer } = options;
    const moments = async (batchSize: number) => {
      const all = new Map<string, Float32Array>();
      const of = { of: 'inputs', tokens: 'all' } as const;
      for await (const layer of layerMoments(examples, { model, tokenizer, batchSize, ...of }))
        all.set(layer.name, layer.moments.data as Float32Array);
      return all;
    };
    const [one, other] = [await moments(16), await moments(3)];
    expect([...one.keys()]).toEqual(model.linearLayers.map(({ name }) => name));
    for (const [name, values] of one)
      expect(relativeError(other.get(name)!, values), name).toBeLessThan(1e-5);
    const block = 'model.layers.0.self_attn';
    expect(one.get(`${block}.q_proj`)).toEqual(one.get(`${block}.v_proj`));
    expect(one.get(`${block}.q_proj`)).not.toEqual(one.get(`${block}.o_proj`));
  });
});

describe('a run under SaLoRA', () => {
  async function subspaceOf(options: Awaited<ReturnType<typeof setUp>>['options']) {
    const { model, tokenizer } = options;
    const subspace = await extractSafetySubspace({
      model,
      tokenizer,
      examples: examples.slice(0, 4),
      rank: 3,
    });
    const file = join(directory, 'safety.safetensors');
    await saveSafetySubspace(file, subspace);
    return { subspace, file };
  }

  it.each(['whole', 'layered'] as const)(
    'learns beside the subspace, and writes nothing into it (%s)',
    async (memory) => {
      const plain = await setUp({ steps: 8, memory });
      const { subspace, file } = await subspaceOf(plain.options);
      await train({ ...plain.options, trainable: trainAdapter(plain.adapter) });
      expect(within(plain.adapter, subspace)).toBeGreaterThan(0.2);
      const { adapter, options, steps } = await setUp({
        steps: 8,
        memory,
        regularizers: [salora({ subspace: file })],
      });
      await train({ ...options, trainable: trainAdapter(adapter) });
      expect(within(adapter, subspace)).toBeLessThan(1e-6);
      expect(steps().at(-1)!.loss).toBeLessThan(steps()[0]!.loss);
    },
  );

  it('continues after an interruption exactly as if there had been none', async () => {
    const prepared = await setUp();
    const { file } = await subspaceOf(prepared.options);
    const make = () => setUp({ steps: 6, regularizers: [salora({ subspace: file })] });
    const through = await make();
    await trainIntoDirectory({
      ...through.options,
      adapter: through.adapter,
      directory: join(directory, 'through'),
    });
    const stop = new AbortController();
    const cut = await make();
    const killed = trainIntoDirectory({
      ...cut.options,
      adapter: cut.adapter,
      directory: join(directory, 'cut'),
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step === 3 && stop.abort(new Error('killed')),
    });
    await expect(killed).rejects.toThrow('killed');
    const again = await make();
    await trainIntoDirectory({
      ...again.options,
      adapter: again.adapter,
      directory: join(directory, 'cut'),
    });
    expect(again.events[0]).toMatchObject({ type: 'start', done: 3 });
    expect(again.adapter.parameters).toEqual(through.adapter.parameters);
  });
});
