import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoraAdapter, type LoraAdapter, loadLoraAdapter, saveLoraAdapter } from '@safetune/lora';
import { type CausalLm, loadModel, loadTokenizer } from '@safetune/models';
import { kl } from '@safetune/regularizers';
import {
  compile,
  type HostArray,
  hostArray,
  openSafetensors,
  readTensor,
  tensorType,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { writeFamilyModel } from '../__fixtures__/family-models.ts';
import { adapterDirectory, checkpointDirectory, readJson } from '../__fixtures__/goldens.ts';
import { train } from '../run/train.ts';
import { trainAdapter } from '../step/trainable.ts';

/** Logits [batch, seq, vocabulary] of a model with an adapter. */
async function logitsWith(model: CausalLm, adapter: LoraAdapter, tokenIds: HostArray): Promise<Float32Array> {
  const signature = {
    tokenIds: tensorType('int64', ['batch', 'seq']),
    ...Object.fromEntries(
      Object.entries(adapter.tensors).map(([name, { shape }]) => [name, tensorType('float32', shape)]),
    ),
  };
  const executable = await compile((inputs) => {
    const { tokenIds: ids, ...factors } = inputs as typeof inputs & { tokenIds: (typeof inputs)['tokenIds'] };
    return { logits: model.head(model.forward(ids, { linear: adapter.linear(factors) }).output) };
  }, signature);
  const { logits } = await executable.run({ tokenIds, ...adapter.tensors } as never);
  await executable.release();
  return logits.data as Float32Array;
}

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let largest = 0;
  for (let index = 0; index < expected.length; index++) {
    largest = Math.max(largest, Math.abs(actual[index]! - expected[index]!));
  }
  return largest;
}

describe.each(['qwen2-rslora-all-projections', 'llama-lora-query-value'])(
  'an adapter saved by peft: %s',
  (name) => {
    it("gives transformers' logits here", async () => {
      const directory = adapterDirectory(name);
      const { checkpoint } = await readJson<{ checkpoint: string }>(directory, 'expected.json');
      const file = await openSafetensors(join(directory, 'expected.safetensors'));
      const read = (tensor: string) => readTensor(file.tensors.get(`example.${tensor}`)!);
      const [tokenIds, lengths, expected] = [
        await read('input_ids'),
        await read('lengths'),
        await read('logits'),
      ];
      const model = await loadModel(checkpointDirectory(checkpoint));
      const adapter = await loadLoraAdapter(directory, { layers: model.linearLayers });
      const logits = await logitsWith(model, adapter, tokenIds);
      const [rows, width, vocabulary] = expected.shape as [number, number, number];
      for (let row = 0; row < rows; row++) {
        const [start, end] = [row * width, row * width + Number(lengths.data[row])].map(
          (token) => token * vocabulary,
        );
        const truth = (expected.data as Float32Array).subarray(start, end);
        expect(largestDifference(logits.subarray(start, end), truth)).toBeLessThan(1e-4);
      }
    });
  },
);

const python = pythonWith('torch', 'transformers', 'peft');
describe.skipIf(python === undefined)(
  'an adapter trained here (skipped: no python3 with torch and peft)',
  () => {
    it.each(['qwen2-tied-bfloat16', 'llama-untied-float32'])(
      "gives the same logits in Python's peft: %s",
      async (name) => {
        const directory = await mkdtemp(join(tmpdir(), 'safetune-peft-'));
        const source = checkpointDirectory(name);
        const model = await loadModel(source);
        const adapter = createLoraAdapter(model.linearLayers, {
          r: 4,
          lora_alpha: 8,
          target_modules: 'all-linear',
        });
        const examples = [
          {
            messages: [
              { role: 'user', content: 'Say hello.' },
              { role: 'assistant', content: 'Hello!' },
            ],
          },
        ];
        await train({
          model,
          tokenizer: await loadTokenizer(source),
          trainable: trainAdapter(adapter),
          examples,
          regularizers: [kl()],
          steps: 6,
          learningRate: { peak: 1e-2, warmupSteps: 1 },
        });
        await saveLoraAdapter(directory, adapter);
        const ids = [[5, 90, 17, 3, 200, 41]];
        const facts = (await runPython('verify_adapter.py', [
          '--model',
          source,
          '--adapter',
          directory,
          '--input-ids',
          JSON.stringify(ids),
        ])) as { logits: number[][][]; largestChange: number };
        expect(facts.largestChange).toBeGreaterThan(0.01);
        const logits = await logitsWith(
          model,
          adapter,
          hostArray(BigInt64Array.from(ids[0]!, BigInt), [1, 6]),
        );
        expect(largestDifference(logits, facts.logits.flat(2))).toBeLessThan(1e-4);
        await rm(directory, { recursive: true });
      },
    );

    it.each(['phi3-partial', 'gpt-neox', 'gemma3'])(
      "of fused layers and other blocks gives the same logits in Python's peft: %s",
      async (name) => {
        const directory = await mkdtemp(join(tmpdir(), 'safetune-peft-'));
        const source = await writeFamilyModel(name, directory);
        const model = await loadModel(source);
        const adapter = createLoraAdapter(
          model.linearLayers,
          { r: 4, lora_alpha: 8, target_modules: 'all-linear' },
          { seed: 1 },
        );
        adapter.parameters.forEach((value, index) => {
          adapter.parameters[index] = value + 0.1 * Math.sin(index);
        });
        await saveLoraAdapter(join(directory, 'adapter'), adapter);
        const ids = [[5, 90, 17, 3, 60, 41, 8, 8, 91, 12, 33, 70]];
        const facts = (await runPython('verify_adapter.py', [
          ...['--model', source, '--adapter', join(directory, 'adapter')],
          ...['--input-ids', JSON.stringify(ids)],
        ])) as { logits: number[][][]; largestChange: number; adapterTensors: number };
        expect(facts.largestChange).toBeGreaterThan(0.1);
        expect(facts.adapterTensors).toBe(2 * model.linearLayers.length);
        const tokenIds = hostArray(BigInt64Array.from(ids[0]!, BigInt), [1, ids[0]!.length]);
        const logits = await logitsWith(model, adapter, tokenIds);
        expect(largestDifference(logits, facts.logits.flat(2))).toBeLessThan(1e-4);
        await rm(directory, { recursive: true });
      },
    );
  },
);
