import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Checkpoint,
  findTensor,
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
import type { LoraModule } from '../adapter/module.ts';
import { AdapterMismatchError } from '../errors.ts';
import { mergedWeight } from './merge.ts';
import { rewriteCheckpoint } from './rewrite-checkpoint.ts';

/** Options of {@link writeMergedCheckpoint}. */
export interface MergeOptions {
  /**
   * Type of the adapted weights in the new checkpoint. 'stored' rounds each to the type it had, as PEFT's
   * `merge_and_unload` does on a model loaded in its own type: an update much smaller than its weight can be lost in bfloat16.
   * 'float32' keeps it, makes those weights twice as large, and names float32 in config.json. Default 'stored'.
   */
  readonly dtype?: 'stored' | 'float32';
}

/**
 * Writes a Hugging Face checkpoint folder whose weights have the adapter merged in: W + scale B A for every adapted
 * layer, all other tensors, the shards, the configuration, tokenizer, chat template and licence as they were. Holds one
 * matrix in memory at a time. The folder appears whole or not at all.
 *
 * @param source - the model's checkpoint folder.
 * @param target - folder to make; must not exist, or be empty.
 * @throws MergeTargetError when the target holds something; AdapterMismatchError when the checkpoint lacks a module's
 * weight or has it in another shape; UnsupportedDtypeError when a tensor is stored in a type that cannot be copied;
 * CheckpointError, SafetensorsError when the source is damaged; FileWriteError.
 */
export async function writeMergedCheckpoint(
  source: string,
  adapter: LoraAdapter,
  target: string,
  { dtype = 'stored' }: MergeOptions = {},
): Promise<void> {
  const checkpoint = await openCheckpoint(source);
  const modules = modulesByWeight(checkpoint, adapter);
  await rewriteCheckpoint(checkpoint, target, {
    tensor(region, scratch) {
      const module = modules.get(region.name);
      return module === undefined ? 'copy' : merged(region, module, dtype, scratch);
    },
    ...(dtype === 'float32' ? { dtype } : {}),
  });
}

function modulesByWeight(checkpoint: Checkpoint, adapter: LoraAdapter): ReadonlyMap<string, LoraModule> {
  return new Map(
    adapter.modules.map((module) => {
      const name = `${module.name}.weight`;
      if (!checkpoint.tensors.has(name)) {
        throw new AdapterMismatchError(
          module.name,
          `the checkpoint ${checkpoint.path} has no tensor '${name}'`,
        );
      }
      const { shape } = findTensor(checkpoint, name);
      if (shape.length !== 2 || shape[0] !== module.outFeatures || shape[1] !== module.inFeatures) {
        const expected = `[${module.outFeatures}, ${module.inFeatures}]`;
        throw new AdapterMismatchError(
          module.name,
          `it adapts a weight ${expected}, the checkpoint's is [${shape}]`,
        );
      }
      return [name, module];
    }),
  );
}

function merged(
  region: TensorRegion,
  module: LoraModule,
  wanted: 'stored' | 'float32',
  scratch: string,
): TensorStream {
  const stored = region.dtype;
  if (stored !== 'float32' && stored !== 'float16' && stored !== 'bfloat16') {
    throw new AdapterMismatchError(module.name, `its weight is stored as ${stored}, not as F32, F16 or BF16`);
  }
  const dtype = wanted === 'float32' ? 'float32' : stored;
  return {
    name: region.name,
    dtype,
    shape: region.shape,
    async *chunks() {
      const array = mergedWeight(await readTensor(region), module);
      yield* encoded(region.name, dtype === 'float32' ? array : { dtype, array }, scratch);
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
