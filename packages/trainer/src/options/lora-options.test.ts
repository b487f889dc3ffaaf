import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createLoraAdapterFor,
  type LoraAdapter,
  loadLoraAdapter,
  saveLoraAdapter,
  writeMergedCheckpoint,
} from '@safetune/lora';
import { type CausalLm, loadModel } from '@safetune/models';
import { adamWStep, clipByNorm, createAdamWState } from '@safetune/optimizers';
import {
  compile,
  type HostArray,
  hostArray,
  type NamedTensors,
  openSafetensors,
  readTensor,
  tensorType,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { checkpointDirectory, goldenBatch, lorasDirectory, readJson } from '../__fixtures__/goldens.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import type { TrainStep } from '../step/train-step.ts';
import { trainAdapter } from '../step/trainable.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';

interface Row {
  loss: number;
  gradientNorm: number;
}
interface Expected {
  checkpoint: string;
  trained: Record<string, number[]>;
  steps: Row[] | null;
}

const cases = readdirSync(lorasDirectory('.')).filter((name) => name !== 'starts');

/** Logits [tokens, vocabulary] of one row of tokens. */
async function logitsOf(
  model: CausalLm,
  tokenIds: HostArray,
  adapter?: LoraAdapter,
): Promise<{ row(position: number): Float32Array }> {
  const executable = await compile(
    (inputs: NamedTensors) => {
      const adapted = adapter?.forward(inputs) ?? {};
      return { logits: model.head(model.forward(inputs.tokenIds!, adapted).output, adapted) };
    },
    {
      tokenIds: tensorType('int64', ['batch', 'seq']),
      ...Object.fromEntries(
        Object.entries(adapter?.tensors ?? {}).map(([name, { shape }]) => [
          name,
          tensorType('float32', shape),
        ]),
      ),
    },
  );
  const { logits } = await executable.run({ tokenIds, ...adapter?.tensors } as never);
  await executable.release();
  const width = model.config.vocabularySize;
  const values = logits!.data as Float32Array;
  return { row: (position) => values.subarray(position * width, (position + 1) * width) };
}

/** Largest difference, in units of the largest value. */
function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [largest, size] = [0, 1];
  for (let index = 0; index < expected.length; index++) {
    largest = Math.max(largest, Math.abs(actual[index]! - expected[index]!));
    size = Math.max(size, Math.abs(expected[index]!));
  }
  return largest / size;
}

async function follow(
  step: TrainStep,
  adapter: LoraAdapter,
  batch: Parameters<TrainStep['run']>[0],
  rows: readonly Row[],
) {
  const state = createAdamWState(adapter.parameters.length);
  for (const row of rows) {
    const { loss } = await step.run(batch);
    const norm = clipByNorm(step.gradients, 1);
    expect(Math.abs(loss / row.loss - 1)).toBeLessThan(1e-4);
    expect(Math.abs(norm / row.gradientNorm - 1)).toBeLessThan(1e-3);
    adamWStep(adapter.parameters, step.gradients, state, 1e-2, { weightDecay: 0.01 });
  }
}

describe.each(cases)('an adapter of peft with %s', (name) => {
  const directory = lorasDirectory(name);

  async function open() {
    const expected = await readJson<Expected>(directory, 'expected.json');
    const file = await openSafetensors(join(directory, 'expected.safetensors'));
    const model = await loadModel(checkpointDirectory(expected.checkpoint));
    return { expected, file, model, adapter: await loadLoraAdapter(directory, { model }) };
  }

  it("gives peft's logits, also merged, and trains as peft trains it", async () => {
    const { expected, file, model, adapter } = await open();
    const read = (tensor: string) => readTensor(file.tensors.get(tensor)!);
    const [tokenIds, positions, truth] = [
      await read('input_ids'),
      await read('positions'),
      await read('logits'),
    ];
    const compare = async (of: CausalLm, tolerance: number, used?: LoraAdapter) => {
      const logits = await logitsOf(of, tokenIds, used);
      for (const [index, position] of [...positions.data].entries()) {
        const width = model.config.vocabularySize;
        const row = (truth.data as Float32Array).subarray(index * width, (index + 1) * width);
        expect(difference(logits.row(Number(position)), row)).toBeLessThan(tolerance);
      }
    };
    await compare(model, 1e-5, adapter);
    const folder = await mkdtemp(join(tmpdir(), 'safetune-options-'));
    const merged = join(folder, 'merged');
    const alone = await loadLoraAdapter(directory);
    await writeMergedCheckpoint(checkpointDirectory(expected.checkpoint), alone, merged, {
      dtype: 'float32',
    });
    await compare(await loadModel(merged, { cacheDirectory: join(folder, 'cache') }), 1e-5);
    await rm(folder, { recursive: true });
    if (expected.steps === null) return;
    const batch = await goldenBatch(file, 'batch.');
    const step = await compileTrainStep({ model, trainable: trainAdapter(adapter) });
    const start = adapter.parameters.slice();
    await follow(step, adapter, batch, expected.steps);
    await step.release();
    adapter.parameters.set(start);
    // Pieces of rows, and blocks one after another, give the same.
    const layered = await compileLayeredStep({
      model,
      trainable: trainAdapter(adapter),
      headPieces: { count: 3, rows: 6 },
    });
    await follow(layered, adapter, batch, expected.steps.slice(0, 2));
    await layered.release();
  });

  it('is saved with the same tensors', async () => {
    const { adapter, model } = await open();
    const folder = await mkdtemp(join(tmpdir(), 'safetune-options-'));
    await saveLoraAdapter(folder, adapter);
    const [ours, theirs] = [
      await openSafetensors(join(folder, 'adapter_model.safetensors')),
      await openSafetensors(join(directory, 'adapter_model.safetensors')),
    ];
    const wanted = [...theirs.tensors.keys()].filter((tensor) => !tensor.endsWith('.base_layer.weight'));
    expect([...ours.tensors.keys()].sort()).toEqual(wanted.sort());
    for (const tensor of wanted) {
      const [mine, other] = [ours.tensors.get(tensor)!, theirs.tensors.get(tensor)!];
      expect((await readTensor(mine)).data, tensor).toEqual((await readTensor(other)).data);
    }
    expect((await loadLoraAdapter(folder)).parameters).toHaveLength(adapter.parameters.length);
    const again = await loadLoraAdapter(folder, { model });
    expect(again.parameters).toEqual(adapter.parameters);
    expect(again.config).toEqual(adapter.config);
    await rm(folder, { recursive: true });
  });
});

describe('a start that is a part of the weights', () => {
  it.each([
    ['pissa', {}],
    ['olora', {}],
    ['pissa-rslora', { use_rslora: true }],
    ['olora-dora', { use_dora: true }],
  ])('trains as in peft: %s', async (name, options) => {
    const directory = lorasDirectory('starts');
    const { checkpoint, steps } = await readJson<{ checkpoint: string; steps: Record<string, Row[]> }>(
      directory,
      'expected.json',
    );
    const model = await loadModel(checkpointDirectory(checkpoint));
    const adapter = await createLoraAdapterFor(model, {
      r: 4,
      lora_alpha: 6,
      use_rslora: false,
      target_modules: ['q_proj', 'up_proj'],
      init_lora_weights: name.split('-')[0]!,
      ...options,
    });
    const batch = await goldenBatch(await openSafetensors(join(directory, 'expected.safetensors')), 'batch.');
    const step = await compileTrainStep({ model, trainable: trainAdapter(adapter) });
    await follow(step, adapter, batch, steps[name]!);
    await step.release();
    // Saved for the model as it is: the same update in twice the rank.
    const folder = await mkdtemp(join(tmpdir(), 'safetune-options-'));
    await saveLoraAdapter(folder, adapter);
    const saved = await loadLoraAdapter(folder, { model });
    const tokenIds = hostArray(BigInt64Array.of(5n, 90n, 17n), [1, 3]);
    const [before, after] = [
      await logitsOf(model, tokenIds, adapter),
      await logitsOf(model, tokenIds, saved),
    ];
    expect(difference(after.row(2), before.row(2))).toBeLessThan(1e-5);
    expect(saved.config).toMatchObject({ r: 8, init_lora_weights: true });
    await rm(folder, { recursive: true });
  });
});

/** Checkpoint and configuration of adapters that peft is asked about. */
const made: readonly [string, Parameters<typeof createLoraAdapterFor>[1]][] = [
  ['llama-untied-float32', { use_dora: true, lora_dropout: 0.1, target_modules: ['q_proj', 'down_proj'] }],
  [
    'qwen2-untied-float32-sharded',
    {
      target_modules: ['q_proj', 'v_proj', 'lm_head'],
      bias: 'all',
      modules_to_save: ['norm'],
      trainable_token_indices: [1, 7],
    },
  ],
  ['qwen2-tied-bfloat16', { target_modules: ['embed_tokens'], ensure_weight_tying: true }],
  ['llama-untied-float32', { target_modules: ['q_proj'], init_lora_weights: 'pissa_niter_2' }],
];

const python = pythonWith('torch', 'transformers', 'peft');
describe.skipIf(python === undefined)('adapters made here (skipped: no python3 with torch and peft)', () => {
  it('compute the same in peft, also merged there', async () => {
    const ids = [5, 90, 17, 3, 200, 41, 7, 1];
    const tokenIds = hostArray(BigInt64Array.from(ids, BigInt), [1, ids.length]);
    const folder = await mkdtemp(join(tmpdir(), 'safetune-options-'));
    const args = ['--input-ids', JSON.stringify(ids)];
    const own: Awaited<ReturnType<typeof logitsOf>>[] = [];
    for (const [index, [checkpoint, config]] of made.entries()) {
      const model = await loadModel(checkpointDirectory(checkpoint));
      const adapter = await createLoraAdapterFor(model, { r: 2, lora_alpha: 4, ...config }, { seed: 5 });
      adapter.parameters.forEach((value, at) => {
        adapter.parameters[at] = value + 0.1 * Math.sin(at);
      });
      const place = join(folder, `${index}`);
      await saveLoraAdapter(place, adapter);
      args.push('--model', checkpointDirectory(checkpoint), '--adapter', place);
      own.push(await logitsOf(model, tokenIds, adapter));
    }
    const { results } = (await runPython('verify_lora_option.py', args)) as {
      results: { logits: number[][]; merged: number[][] }[];
    };
    for (const [index, { logits, merged }] of results.entries()) {
      for (const [position, row] of logits.entries()) {
        expect(difference(own[index]!.row(position), row)).toBeLessThan(1e-5);
        // Merging in peft adds to the one tensor that a tied model has for both of its uses.
        if (!made[index]![0].includes('-tied-'))
          expect(difference(own[index]!.row(position), merged[position]!)).toBeLessThan(1e-4);
      }
    }
    await rm(folder, { recursive: true });
  });
});
