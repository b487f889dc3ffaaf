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
import { AdapterMismatchError } from '../errors.ts';
import { type CheckpointType, rewriteCheckpoint } from './rewrite-checkpoint.ts';

/** Options of {@link writeChangedCheckpoint}. */
export interface ChangeOptions {
  /**
   * Type of the weights in the new checkpoint. 'stored' rounds each changed one to the type it had, as PEFT's
   * `merge_and_unload` does on a model loaded in its own type: a change much smaller than its weight can be lost in bfloat16.
   * 'float32' keeps it, makes the changed weights twice as large, and names float32 in config.json. 'float16' and 'bfloat16'
   * round all floating-point tensors, the changed ones once, and name that type in config.json. Default 'stored'.
   */
  readonly dtype?: 'stored' | CheckpointType;
  /** Put it in the place of a checkpoint that is there. Default false. */
  readonly replace?: boolean;
}

/** A tensor that the checkpoint does not have. */
export interface AddedWeight {
  readonly name: string;
  /** Whose type it gets under 'stored'. */
  readonly like: TensorRegion;
  make(): Promise<HostArray>;
}

/**
 * Writes a Hugging Face checkpoint folder in which some weights are others: all other tensors, the shards, the
 * configuration, tokenizer, chat template and licence as they were. Each new weight is made when it is written, so that one
 * is in memory at a time. The folder appears whole or not at all.
 *
 * @param source - the checkpoint, opened or by its folder.
 * @param weights - float32 arrays of the shapes they had, by the tensors' names.
 * @param target - folder to make; must not exist, or be empty, unless it is to be replaced.
 * @throws AdapterMismatchError for a tensor of whole numbers; CheckpointError and SafetensorsError for a name that is not
 * there and a source that is damaged; MergeTargetError when the target holds something (with `replace`: something that belongs
 * to no checkpoint); UnsupportedDtypeError when a tensor is stored in a type that cannot be copied; FileWriteError; what
 * makes a weight throws.
 */
export async function writeChangedCheckpoint(
  source: Checkpoint | string,
  weights: ReadonlyMap<string, () => Promise<HostArray>>,
  target: string,
  options: ChangeOptions = {},
): Promise<void> {
  const checkpoint = typeof source === 'string' ? await openCheckpoint(source) : source;
  for (const name of weights.keys())
    requireFloats(findTensor(checkpoint, name), name.replace(/\.weight$/, ''));
  await writeWithAdded(checkpoint, weights, target, options);
}

/** As {@link writeChangedCheckpoint}, with tensors that were not there, and what config.json is to say of them. */
export async function writeWithAdded(
  checkpoint: Checkpoint,
  weights: ReadonlyMap<string, () => Promise<HostArray>>,
  target: string,
  { dtype = 'stored', replace = false }: ChangeOptions,
  added: readonly AddedWeight[] = [],
  config: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await rewriteCheckpoint(checkpoint, target, {
    tensor(region, scratch) {
      const stored = floatingType(region);
      const make = weights.get(region.name);
      const wanted = dtype === 'stored' || stored === undefined ? stored : dtype;
      const isKept = wanted === stored || (wanted === 'float32' && make === undefined);
      if (make === undefined && isKept) return 'copy';
      return converted(region, wanted!, make ?? (() => readTensor(region)), scratch);
    },
    added: (scratch) =>
      added.map(({ name, like, make }) =>
        converted({ ...like, name }, dtype === 'stored' ? floatingType(like)! : dtype, make, scratch),
      ),
    config,
    replace,
    ...(dtype === 'stored' ? {} : { dtype }),
  });
}

/** @throws AdapterMismatchError for a tensor of whole numbers. */
export function requireFloats(region: TensorRegion, module: string): void {
  if (floatingType(region) !== undefined) return;
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
  const file = join(folder, 'changed-matrix.tmp');
  await writeSafetensors(file, { [name]: tensor });
  yield* tensorChunks(findTensor(await openSafetensors(file), name));
  await rm(file);
}
