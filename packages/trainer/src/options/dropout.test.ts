import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyLoraAdapter, createLoraAdapterFor, type LoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import { describe, expect, it } from 'vitest';
import { checkpoint, examples } from '../__fixtures__/small-run.ts';
import { createAnswerLoss } from '../answers/answer-loss.ts';
import type { StepEvent } from '../run/progress.ts';
import { train } from '../run/train.ts';
import type { TrainOptions } from '../run/train-options.ts';
import { trainAdapter } from '../step/trainable.ts';

const model = await loadModel(checkpoint);
const tokenizer = await loadTokenizer(checkpoint);
const target_modules = ['q_proj', 'down_proj', 'lm_head'];
const start = (lora_dropout: number) =>
  createLoraAdapterFor(model, { r: 4, lora_alpha: 8, target_modules, lora_dropout }, { seed: 1 });

/** Losses of the steps, and the trained values. */
async function run(adapter: LoraAdapter, options: Partial<TrainOptions> = {}) {
  const losses: number[] = [];
  await train({
    model,
    tokenizer,
    trainable: trainAdapter(adapter),
    examples,
    batchSize: 4,
    steps: 6,
    seed: 3,
    learningRate: { peak: 1e-2 },
    onEvent: (event) => {
      if (event.type === 'step') losses.push((event as StepEvent).loss);
    },
    ...options,
  });
  return { losses, parameters: adapter.parameters };
}

describe('training with dropout', () => {
  it('goes the same way each time, and in every memory mode; another way than without', async () => {
    const adapter = await start(0.2);
    const first = await run(copyLoraAdapter(adapter));
    expect(await run(copyLoraAdapter(adapter))).toEqual(first);
    for (const memory of ['recompute', 'layered', 'streamed'] as const) {
      const other = await run(copyLoraAdapter(adapter), { memory });
      other.losses.forEach((loss, index) => {
        expect(Math.abs(loss / first.losses[index]! - 1), memory).toBeLessThan(1e-4);
      });
    }
    const without = await run(await start(0));
    expect(without.losses[0]).toBeCloseTo(first.losses[0]!, 5);
    expect(Math.abs(without.losses.at(-1)! / first.losses.at(-1)! - 1)).toBeGreaterThan(1e-4);
    const seeded = await run(copyLoraAdapter(adapter), { seed: 4 });
    expect(seeded.parameters).not.toEqual(first.parameters);
  });

  it('goes on to the bit after a stop, also with several batches a step', async () => {
    const adapter = await start(0.3);
    const options = { batchSize: 2, gradientAccumulation: 2 };
    const whole = await run(copyLoraAdapter(adapter), options);
    const directory = await mkdtemp(join(tmpdir(), 'safetune-dropout-'));
    const checkpointing = { ...options, checkpoint: { file: join(directory, 'state'), everySteps: 2 } };
    const stop = new AbortController();
    const seen: number[] = [];
    const stopped = run(copyLoraAdapter(adapter), {
      ...checkpointing,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type !== 'step') return;
        seen.push(event.loss);
        if (event.step === 3) stop.abort();
      },
    });
    await expect(stopped).rejects.toThrow();
    const resumed = await run(copyLoraAdapter(adapter), checkpointing);
    expect([...seen, ...resumed.losses]).toEqual(whole.losses);
    expect(resumed.parameters).toEqual(whole.parameters);
    await rm(directory, { recursive: true });
  });

  it('does not act where nothing is trained', async () => {
    const adapter = await start(0.5);
    adapter.parameters.forEach((value, index) => {
      adapter.parameters[index] = value + 0.05 * Math.sin(index);
    });
    const plain = { ...adapter.config, lora_dropout: 0 };
    const twin = await createLoraAdapterFor(model, plain, { seed: 1 });
    twin.parameters.set(adapter.parameters);
    const lossOf = async (of: LoraAdapter) => {
      const { loss, release } = await createAnswerLoss({ model, tokenizer, adapter: of });
      const losses = await loss(examples.slice(0, 4));
      await release();
      return losses;
    };
    expect(await lossOf(adapter)).toEqual(await lossOf(twin));
  });
});
