import { join } from 'node:path';
import {
  CombineAdaptersError,
  type CombineOptions,
  combineLoraAdapters,
  createLoraAdapterFor,
  loadLoraAdapter,
  stackLoraAdapters,
} from '@safetune/lora';
import { adaptedForward, type LinearAdapter, loadModel, plainLinear } from '@safetune/models';
import { compile, type NamedTensors, openSafetensors, readTensor, tensorType } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { checkpointDirectory, combinationsDirectory, readJson } from '../__fixtures__/goldens.ts';

interface Expected {
  checkpoint: string;
  combinations: (CombineOptions & { weights: [number, number] })[];
}

const expected = await readJson<Expected>(combinationsDirectory('.'), 'expected.json');
const file = await openSafetensors(join(combinationsDirectory('.'), 'expected.safetensors'));
const model = await loadModel(checkpointDirectory(expected.checkpoint));
const [one, other] = [
  await loadLoraAdapter(combinationsDirectory('one'), { model }),
  await loadLoraAdapter(combinationsDirectory('other'), { model }),
];
const tokenIds = await readTensor(file.tensors.get('input_ids')!);

/** Compiles the model with an adapter; gives the last position's logits at each call. */
async function compiled(adapter: LinearAdapter) {
  const executable = await compile(
    (inputs: NamedTensors) => {
      const adapted = adaptedForward(adapter, inputs);
      return { logits: model.head(model.forward(inputs.tokenIds!, adapted).output, adapted) };
    },
    {
      tokenIds: tensorType('int64', ['batch', 'seq']),
      ...Object.fromEntries(
        Object.entries(adapter.tensors).map(([name, { shape }]) => [name, tensorType('float32', shape)]),
      ),
    },
  );
  return {
    async logits() {
      const { logits } = await executable.run({ tokenIds, ...adapter.tensors } as never);
      return (logits!.data as Float32Array).slice(-model.config.vocabularySize);
    },
    release: () => executable.release(),
  };
}

async function lastLogits(adapter: LinearAdapter): Promise<Float32Array> {
  const { logits, release } = await compiled(adapter);
  const values = await logits();
  await release();
  return values;
}

const golden = async (name: string) =>
  (await readTensor(file.tensors.get(`logits.${name}`)!)).data as Float32Array;

function expectClose(actual: Float32Array, truth: Float32Array) {
  const size = Math.max(...truth.map(Math.abs));
  truth.forEach((value, index) => {
    expect(Math.abs(actual[index]! - value) / size).toBeLessThan(1e-5);
  });
}

describe('combineLoraAdapters', () => {
  it.each(expected.combinations.map((combination, index) => [JSON.stringify(combination), index] as const))(
    "does what peft's add_weighted_adapter does: %s",
    async (_text, index) => {
      const { weights, ...options } = expected.combinations[index]!;
      const combined = combineLoraAdapters(
        [
          { adapter: one, weight: weights[0] },
          { adapter: other, weight: weights[1] },
        ],
        options,
      );
      expectClose(await lastLogits(combined), await golden(`${index}`));
    },
  );

  it('drops at random, the same for the same seed', () => {
    const drop = (seed: number) =>
      combineLoraAdapters(
        [
          { adapter: one, weight: 1 },
          { adapter: other, weight: 1 },
        ],
        { combination_type: 'dare_linear', density: 0.5, seed },
      );
    const zeros = drop(1).modules[0]!.a.data as Float32Array;
    expect(drop(1).parameters).toEqual(drop(1).parameters);
    expect(drop(2).parameters).not.toEqual(drop(1).parameters);
    expect([...zeros].filter((value) => value === 0).length).toBeGreaterThan(0);
  });

  it.each<[string, CombineOptions]>([
    ['density', { combination_type: 'ties' }],
    ["there is no combination_type 'mean'", { combination_type: 'mean' as never }],
    ['svd_rank', { svd_rank: 0 }],
  ])('refuses options without meaning: %s', (message, options) => {
    const both = [one, other].map((adapter) => ({ adapter, weight: 1 }));
    expect(() => combineLoraAdapters(both, options)).toThrow(message);
  });

  it('refuses what is no sum of updates, and ranks that differ', async () => {
    const dora = await createLoraAdapterFor(model, { r: 2, use_dora: true, target_modules: ['q_proj'] });
    const saved = await createLoraAdapterFor(model, {
      r: 2,
      modules_to_save: ['lm_head'],
      target_modules: ['q_proj'],
    });
    const wide = await createLoraAdapterFor(model, { r: 4, target_modules: ['q_proj'] });
    for (const adapter of [dora, saved])
      expect(() => combineLoraAdapters([{ adapter, weight: 1 }])).toThrow(CombineAdaptersError);
    const both = [one, wide].map((adapter) => ({ adapter, weight: 1 }));
    expect(() => combineLoraAdapters(both, { combination_type: 'linear' })).toThrow(
      /ranks must agree: they are 2, 4/,
    );
    expect(combineLoraAdapters(both).config.r).toBe(4);
  });
});

describe('stackLoraAdapters', () => {
  it('adds the updates up, as peft does with both active, and switches them between runs', async () => {
    const linear = (adapter: typeof one) => ({ ...adapter, embeddings: [] });
    const stack = stackLoraAdapters({ one: linear(one), other: linear(other) });
    const { logits, release } = await compiled(stack);
    const both = await logits();
    stack.disable();
    const none = await logits();
    stack.enable('one');
    const alone = await logits();
    stack.setStrength('one', 0.5);
    const half = await logits();
    await release();
    const sum = combineLoraAdapters(
      [
        { adapter: linear(one) as typeof one, weight: 1 },
        { adapter: linear(other) as typeof other, weight: 1 },
      ],
      { combination_type: 'cat' },
    );
    expectClose(both, await lastLogits(sum));
    expectClose(none, await lastLogits({ tensors: {}, linear: () => plainLinear }));
    const onlyOne = combineLoraAdapters([{ adapter: linear(one) as typeof one, weight: 1 }]);
    expectClose(alone, await lastLogits(onlyOne));
    expect(alone).not.toEqual(none);
    expect(half).not.toEqual(alone);
    expect(stack.strengths).toEqual({ one: 0.5, other: 0 });
    expect(() => stack.enable('third')).toThrow("there is no adapter 'third'");
    expect(() => stackLoraAdapters({ one })).toThrow(CombineAdaptersError);
  });
});
