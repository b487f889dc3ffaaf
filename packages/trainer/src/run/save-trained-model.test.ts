import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoraAdapter, MergeTargetError } from '@safetune/lora';
import { type CausalLm, loadModel, loadTokenizer } from '@safetune/models';
import {
  compile,
  hostArray,
  openCheckpoint,
  readTensor,
  readTensorBytes,
  tensorType,
  writeSafetensors,
} from '@safetune/tensor';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { checkpointDirectory, ggufFile } from '../__fixtures__/goldens.ts';
import { TrainOptionError } from '../errors.ts';
import { type Trainable, trainAdapter, trainAllWeights } from '../step/trainable.ts';
import { saveTrainedModel } from './save-trained-model.ts';
import { train } from './train.ts';

let temporary: string;
beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'safetune-trained-'));
});
afterEach(() => rm(temporary, { recursive: true }));

const inputIds = [5, 90, 17, 3, 200, 41];

/** Logits [seq, vocabulary] of the model as its folder has it, or with the values in training. */
async function logitsOf(model: CausalLm, trainable?: Trainable): Promise<Float32Array> {
  const trained = Object.entries(trainable?.tensors ?? {});
  const signature = {
    tokenIds: tensorType('int64', ['batch', 'seq']),
    ...Object.fromEntries(trained.map(([name, { shape }]) => [name, tensorType('float32', shape)])),
  };
  const executable = await compile((inputs) => {
    const options = trainable?.forward(inputs) ?? {};
    return { logits: model.head(model.forward(inputs.tokenIds!, options).output, options) };
  }, signature);
  const tokenIds = hostArray(BigInt64Array.from(inputIds, BigInt), [1, inputIds.length]);
  const { logits } = await executable.run({ tokenIds, ...trainable?.tensors } as never);
  await executable.release();
  return logits.data as Float32Array;
}

async function trained(source: string): Promise<{ model: CausalLm; trainable: Trainable }> {
  const model = await loadModel(source);
  const trainable = await trainAllWeights(model);
  const messages = [
    { role: 'user', content: 'Say hello.' },
    { role: 'assistant', content: 'Hello!' },
  ];
  await train({
    model,
    tokenizer: await loadTokenizer(source),
    trainable,
    examples: [{ messages }],
    steps: 3,
    learningRate: { peak: 1e-2, warmupSteps: 1 },
  });
  return { model, trainable };
}

const largestDifference = (actual: ArrayLike<number>, expected: ArrayLike<number>) => {
  expect(actual.length).toBe(expected.length);
  return Math.max(...Array.from(expected, (value, index) => Math.abs(value - actual[index]!)));
};

describe('saveTrainedModel', () => {
  it.each(['llama-untied-float32', 'qwen2-tied-bfloat16', 'qwen2-untied-float32-sharded'])(
    '%s: loads again to the logits of the trained values',
    async (name) => {
      const source = checkpointDirectory(name);
      const { model, trainable } = await trained(source);
      const directory = join(temporary, 'trained');
      await saveTrainedModel(directory, model, trainable);

      const saved = await logitsOf(await loadModel(directory));
      expect(saved).toEqual(await logitsOf(model, trainable));
      expect(largestDifference(saved, await logitsOf(model))).toBeGreaterThan(0.01);

      const [before, after] = [await openCheckpoint(source), await openCheckpoint(directory)];
      expect([...after.tensors.keys()].sort()).toEqual([...before.tensors.keys()].sort());
      for (const { dtype } of after.tensors.values()) expect(dtype).toBe('float32');
      const weight = after.tensors.get('model.norm.weight')!;
      expect((await readTensor(weight)).data).toEqual(trainable.tensors['model.norm.weight']!.data);
      const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')) as Record<
        string,
        unknown
      >;
      expect(config.dtype ?? config.torch_dtype).toBe('float32');
      const kept = (await readdir(source)).filter((file) =>
        /^(tokenizer|generation|chat_template)/.test(file),
      );
      expect(await readdir(directory)).toEqual(expect.arrayContaining(kept));
      expect((await loadTokenizer(directory)).encode('Say hello.')).toEqual(
        (await loadTokenizer(source)).encode('Say hello.'),
      );
      expect(await readdir(temporary)).toEqual(['trained']);
    },
  );

  it('makes a folder of a GGUF model', async () => {
    const { model, trainable } = await trained(ggufFile('qwen2-tied-bfloat16.bf16'));
    const directory = join(temporary, 'trained');
    await saveTrainedModel(directory, model, trainable);
    expect(await logitsOf(await loadModel(directory))).toEqual(await logitsOf(model, trainable));
    const conversation = [{ role: 'user', content: 'Say hello.' }];
    expect((await loadTokenizer(directory)).renderChat(conversation)).toEqual(
      (await loadTokenizer(model.directory)).renderChat(conversation),
    );
    expect(await readdir(temporary)).toEqual(['trained']);
  });

  it('leaves out a stored copy of a tied output layer, and copies what is not trained', async () => {
    const golden = checkpointDirectory('qwen2-tied-bfloat16');
    const source = join(temporary, 'source');
    await mkdir(source);
    await copyFile(join(golden, 'config.json'), join(source, 'config.json'));
    const checkpoint = await openCheckpoint(golden);
    const entries = await Promise.all(
      [...checkpoint.tensors.values()].map(
        async (region): Promise<[string, Awaited<ReturnType<typeof readTensor>>]> => [
          region.name,
          await readTensor(region),
        ],
      ),
    );
    const tensors = Object.fromEntries(entries);
    const buffer = 'model.layers.0.self_attn.rotary_emb.inv_freq';
    await writeSafetensors(join(source, 'model.safetensors'), {
      ...tensors,
      'lm_head.weight': tensors['model.embed_tokens.weight']!,
      [buffer]: hostArray(Float32Array.of(1, 0.5), [2]),
    });
    const model = await loadModel(source);
    await saveTrainedModel(join(temporary, 'trained'), model, await trainAllWeights(model));
    const saved = await openCheckpoint(join(temporary, 'trained'));
    expect([...saved.tensors.keys()].sort()).toEqual([...Object.keys(tensors), buffer].sort());
    expect(await readTensorBytes(saved.tensors.get(buffer)!)).toEqual(
      new Uint8Array(Float32Array.of(1, 0.5).buffer),
    );
  });

  it('refuses an adapter, values of another model, and a folder that holds something; nothing is left behind', async () => {
    const model = await loadModel(checkpointDirectory('llama-untied-float32'));
    const trainable = await trainAllWeights(model);
    const directory = join(temporary, 'trained');
    const refused = (other: Trainable) =>
      expect(saveTrainedModel(directory, model, other)).rejects.toSatisfy(
        (error: unknown) => TrainOptionError.isInstance(error) && error.option === 'trainable',
      );
    await refused(
      trainAdapter(createLoraAdapter(model.linearLayers, { r: 2, target_modules: 'all-linear' })),
    );
    await refused({ ...trainable, tensors: { other: hostArray(Float32Array.of(1), [1]) } });
    await refused({ ...trainable, tensors: { 'model.norm.weight': hostArray(Float32Array.of(1), [1]) } });
    expect(await readdir(temporary)).toEqual([]);

    await writeFile(join(temporary, 'note.txt'), 'mine');
    await expect(saveTrainedModel(temporary, model, trainable)).rejects.toSatisfy(
      MergeTargetError.isInstance,
    );
    expect(await readdir(temporary)).toEqual(['note.txt']);
  });
});

describe.skipIf(pythonWith('torch', 'transformers', 'peft') === undefined)(
  'live, against Python transformers (skipped: no python3 with torch, transformers and peft)',
  () => {
    it.each(['qwen2-tied-bfloat16', 'qwen2-untied-float32-sharded'])(
      '%s: the saved model gives the logits of the trained values',
      async (name) => {
        const { model, trainable } = await trained(checkpointDirectory(name));
        const directory = join(temporary, 'trained');
        await saveTrainedModel(directory, model, trainable);
        const facts = await runPython('verify_adapter.py', [
          '--model',
          directory,
          '--input-ids',
          JSON.stringify([inputIds]),
        ]);
        const { logits } = facts as { logits: number[][][] };
        expect(largestDifference(logits.flat(2), await logitsOf(model, trainable))).toBeLessThan(1e-4);
      },
    );
  },
);
