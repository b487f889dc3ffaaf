import { type Checkpoint, findTensor, type HostArray, openCheckpoint, readTensor } from '@safetune/tensor';
import type { LoraAdapter } from '../adapter/adapter.ts';
import { AdapterMismatchError } from '../errors.ts';
import { type ChangeOptions, requireFloats, writeWithAdded } from './changed-checkpoint.ts';
import { type MergePlan, mergePlan, type OutputLayerApart } from './merge-plan.ts';

/** Options of {@link writeMergedCheckpoint}. */
export interface MergeOptions extends ChangeOptions {}

/**
 * Writes a Hugging Face checkpoint folder whose weights have the adapter merged in: W + scale B A for every adapted
 * layer, all other tensors, the shards, the configuration, tokenizer, chat template and licence as they were. Holds one
 * matrix in memory at a time. An output layer that was the embedding, and is changed otherwise than it, is written beside
 * it. The folder appears whole or not at all.
 *
 * @param source - the model's checkpoint folder.
 * @param target - folder to make; must not exist, or be empty, unless it is to be replaced.
 * @throws MergeTargetError when the target holds something (with `replace`: something that belongs to no checkpoint); AdapterMismatchError when the checkpoint lacks a module's
 * weight or has it in another shape; UnsupportedDtypeError when a tensor is stored in a type that cannot be copied;
 * CheckpointError, SafetensorsError when the source is damaged; FileWriteError.
 */
export async function writeMergedCheckpoint(
  source: string,
  adapter: LoraAdapter,
  target: string,
  options: MergeOptions = {},
): Promise<void> {
  const checkpoint = await openCheckpoint(source);
  const plan = await mergePlan(checkpoint, adapter);
  const merged = changedTensors(checkpoint, plan);
  if (plan.apart === undefined) return writeWithAdded(checkpoint, merged, target, options);
  const untied = { tie_word_embeddings: false };
  await writeWithAdded(checkpoint, merged, target, options, [weightApart(plan.apart)], untied);
}

/**
 * The tensors of a checkpoint that an adapter changes, by name: each in float32 with its update, W + scale B A, made when
 * it is asked for. For whoever writes the merged model in a format of its own.
 *
 * @param checkpoint - the model's folder, opened or by its path.
 * @throws AdapterMismatchError when the checkpoint lacks a module's weight, or has it in another shape or in a type that is
 * no float.
 */
export async function mergedTensors(
  checkpoint: Checkpoint | string,
  adapter: LoraAdapter,
): Promise<ReadonlyMap<string, () => Promise<HostArray>>> {
  const opened = typeof checkpoint === 'string' ? await openCheckpoint(checkpoint) : checkpoint;
  const plan = await mergePlan(opened, adapter);
  if (plan.apart !== undefined) {
    throw new AdapterMismatchError(
      plan.apart.change.module,
      'the output layer is the embedding, and the adapter changes one otherwise than the other: write a merged checkpoint ' +
        'first, which has both',
    );
  }
  return changedTensors(opened, plan);
}

function changedTensors(
  checkpoint: Checkpoint,
  { changes }: MergePlan,
): ReadonlyMap<string, () => Promise<HostArray>> {
  const entries = [...changes].map(([name, change]) => {
    const region = findTensor(checkpoint, name);
    requireFloats(region, change.module);
    return [name, async () => change.apply(await readTensor(region))] as const;
  });
  return new Map(entries);
}

/** An output layer that was the embedding: in the embedding's type, unless another is asked for. */
function weightApart({ name, source, change }: OutputLayerApart) {
  requireFloats(source, change.module);
  return { name, like: source, make: async () => change.apply(await readTensor(source)) };
}
