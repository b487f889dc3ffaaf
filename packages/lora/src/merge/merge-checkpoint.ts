import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Checkpoint,
  findTensor,
  type HostArray,
  openCheckpoint,
  openSafetensors,
  readTensor,
  type TensorRegion,
  type TensorStream,
  tensorChunks,
  type WritableTensor,
  writeSafetensors,
} from '@safetune/tensor';
import type { LoraAdapter } from '../adapter/adapter.ts';
import { AdapterMismatchError } from '../errors.ts';
import { type MergePlan, mergePlan, type OutputLayerApart } from './merge-plan.ts';
import { type CheckpointType, rewriteCheckpoint } from './rewrite-checkpoint.ts';
import type { WeightChange } from './weight-changes.ts';

/** Options of {@link writeMergedCheckpoint}. */
export interface MergeOptions {
  /**
   * Type of the weights in the new checkpoint. 'stored' rounds each adapted one to the type it had, as PEFT's
   * `merge_and_unload` does on a model loaded in its own type: an update much smaller than its weight can be lost in bfloat16.
   * 'float32' keeps it, makes the adapted weights twice as large, and names float32 in config.json. 'float16' and 'bfloat16'
   * round all floating-point tensors, the merged ones once, and name that type in config.json. Default 'stored'.
   */
  readonly dtype?: 'stored' | CheckpointType;
  /** Put it in the place of a checkpoint that is there. Default false. */
  readonly replace?: boolean;
}

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
  { dtype = 'stored', replace = false }: MergeOptions = {},
): Promise<void> {
  const checkpoint = await openCheckpoint(source);
  const plan = await mergePlan(checkpoint, adapter);
  const merged = changedTensors(checkpoint, plan);
  const { apart } = plan;
  await rewriteCheckpoint(checkpoint, target, {
    tensor(region, scratch) {
      const stored = floatingType(region);
      const make = merged.get(region.name);
      const wanted = dtype === 'stored' || stored === undefined ? stored : dtype;
      const isKept = wanted === stored || (wanted === 'float32' && make === undefined);
      if (make === undefined && isKept) return 'copy';
      return converted(region, wanted!, make ?? (() => readTensor(region)), scratch);
    },
    ...(apart === undefined
      ? {}
      : {
          added: (scratch) => [streamApart(apart, dtype, scratch)],
          config: { tie_word_embeddings: false },
        }),
    replace,
    ...(dtype === 'stored' ? {} : { dtype }),
  });
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
    requireFloats(region, change);
    return [name, async () => change.apply(await readTensor(region))] as const;
  });
  return new Map(entries);
}

/** An output layer that was the embedding: in the embedding's type, unless another is asked for. */
function streamApart(
  { name, source, change }: OutputLayerApart,
  dtype: NonNullable<MergeOptions['dtype']>,
  scratch: string,
): TensorStream {
  const stored = requireFloats(source, change);
  const make = async () => change.apply(await readTensor(source));
  return converted({ ...source, name }, dtype === 'stored' ? stored : dtype, make, scratch);
}

/** @throws AdapterMismatchError for a tensor of whole numbers. */
function requireFloats(region: TensorRegion, { module }: WeightChange): CheckpointType {
  const type = floatingType(region);
  if (type !== undefined) return type;
  throw new AdapterMismatchError(module, `its weight is stored as ${region.dtype}, not as F32, F16 or BF16`);
}

function floatingType({ dtype }: TensorRegion): CheckpointType | undefined {
  return dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16' ? dtype : undefined;
}

function converted(
  { name, shape }: TensorRegion,
  dtype: CheckpointType,
  make: () => Promise<HostArray>,
  scratch: string,
): TensorStream {
  return {
    name,
    dtype,
    shape,
    async *chunks() {
      const array = await make();
      yield* encoded(name, dtype === 'float32' ? array : { dtype, array }, scratch);
    },
  };
}

/** The bytes a tensor has in a file: written to one of its own, so that rounding to 16 bits is the writer's. */
async function* encoded(name: string, tensor: WritableTensor, folder: string): AsyncGenerator<Uint8Array> {
  const file = join(folder, 'merged-matrix.tmp');
  await writeSafetensors(file, { [name]: tensor });
  yield* tensorChunks(findTensor(await openSafetensors(file), name));
  await rm(file);
}
