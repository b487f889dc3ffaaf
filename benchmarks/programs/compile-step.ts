import { join } from 'node:path';
import { type Batch, padBatch } from '@safetune/datasets';
import { createLoraAdapter, type LoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { kl } from '@safetune/regularizers';
import { compileLayeredStep, compileTrainStep, type TrainStep, trainAdapter } from '@safetune/trainer';
import { type Repetitions, unavailable } from './lines.ts';

/** One training step, described for every program that runs it. */
export interface TrainStepSettings extends Repetitions {
  /** Checkpoint folder. */
  readonly directory: string;
  readonly tokens: number;
  readonly batch: number;
  readonly rank: number;
  readonly kl: boolean;
  readonly threads: number;
  readonly precision: 'float32' | 'bfloat16' | 'int8' | 'int8x3';
  /** How the step is laid out; ours only. Default whole. */
  readonly memory?: 'whole' | 'recompute' | 'layered';
}

/** Our training step of LoRA on all linear layers, over one batch in which every position is in the loss. */
export async function compileStep(
  given: TrainStepSettings,
): Promise<{ step: TrainStep; adapter: LoraAdapter; batch: Batch }> {
  const { directory, tokens, rank, precision, memory } = given;
  if (precision === 'bfloat16')
    unavailable('weights are multiplied in float32 or as integers, not in bfloat16');
  const model = await loadModel(directory, { precision, cacheDirectory: join(directory, '..', 'converted') });
  const adapter = createLoraAdapter(model.linearLayers, {
    r: rank,
    lora_alpha: 2 * rank,
    target_modules: 'all-linear',
  });
  const options = {
    model,
    trainable: trainAdapter(adapter),
    regularizers: given.kl ? [kl()] : [],
    runtime: { threads: given.threads },
  };
  const step =
    memory === 'layered'
      ? await compileLayeredStep(options)
      : await compileTrainStep({
          ...options,
          ...(memory === 'recompute' ? { recompute: 'all' } : {}),
          // As many pieces as `train` plans for this batch.
          ...(model.config.vocabularySize > 32_768
            ? { headPieces: { rows: 128, count: Math.ceil((given.batch * tokens) / 128) } }
            : {}),
        });
  const example = {
    tokenIds: Int32Array.from({ length: tokens }, (_, index) => (index * 7919) % model.config.vocabularySize),
    responseMask: new Uint8Array(tokens).fill(1, 1),
    tags: [],
  };
  return { step, adapter, batch: padBatch(Array(given.batch).fill(example), { padTokenId: 0 }) };
}
