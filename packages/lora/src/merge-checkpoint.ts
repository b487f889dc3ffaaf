import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, realpath, rename, rm, rmdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import {
  bytesPerElement,
  type Checkpoint,
  FileWriteError,
  findTensor,
  openCheckpoint,
  openSafetensors,
  readTensor,
  type TensorRegion,
  type TensorStream,
  tensorChunks,
  UnsupportedDtypeError,
  type WritableTensor,
  writeFileAtomically,
  writeSafetensors,
  writeTensorStreams,
} from '@safetune/tensor';
import type { LoraAdapter, LoraModule } from './adapter.ts';
import { AdapterMismatchError, MergeTargetError } from './errors.ts';
import { mergedWeight } from './merge.ts';

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
  await requireEmpty(target);
  const temporary = `${resolve(target)}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writing(target, () => mkdir(temporary, { recursive: true }));
    const streams = [...checkpoint.tensors.values()].map((region) => {
      const module = modules.get(region.name);
      return module === undefined ? copied(region) : merged(region, module, dtype, temporary);
    });
    await writeShards(checkpoint, streams, temporary);
    await copyCompanions(source, temporary, target, dtype);
    await writing(target, async () => {
      await rmdir(target).catch(ignoreMissing);
      await rename(temporary, target);
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function modulesByWeight(checkpoint: Checkpoint, adapter: LoraAdapter): ReadonlyMap<string, LoraModule> {
  for (const { file, name, storedDtype } of checkpoint.unsupported.values()) {
    throw new UnsupportedDtypeError(file, name, storedDtype);
  }
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

function copied(region: TensorRegion): TensorStream {
  return { name: region.name, dtype: region.dtype, shape: region.shape, chunks: () => tensorChunks(region) };
}

function merged(
  region: TensorRegion,
  module: LoraModule,
  wanted: 'stored' | 'float32',
  temporary: string,
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
      yield* encoded(region.name, dtype === 'float32' ? array : { dtype, array }, temporary);
    },
  };
}

/** The bytes a tensor has in a file: written to one of its own, so that rounding to 16 bits is the writer's. */
async function* encoded(name: string, tensor: WritableTensor, temporary: string): AsyncGenerator<Uint8Array> {
  const scratch = join(temporary, 'merged-matrix.tmp');
  await writeSafetensors(scratch, { [name]: tensor });
  yield* tensorChunks(findTensor(await openSafetensors(scratch), name));
  await rm(scratch);
}

/** The same files with the same tensors as the source has, and an index unless it is the one model.safetensors. */
async function writeShards(
  checkpoint: Checkpoint,
  streams: readonly TensorStream[],
  directory: string,
): Promise<void> {
  const shards = new Map<string, TensorStream[]>();
  const weightMap: Record<string, string> = {};
  for (const path of checkpoint.files) {
    // A region names the real file, the checkpoint what may be a link to it, as in the hub's cache.
    const file = await realpath(path);
    const tensors = streams.filter(({ name }) => checkpoint.tensors.get(name)?.file === file);
    shards.set(basename(path), tensors);
    for (const { name } of tensors) weightMap[name] = basename(path);
  }
  for (const [shard, tensors] of shards) {
    await writeTensorStreams(join(directory, shard), tensors, { metadata: { format: 'pt' } });
  }
  if (shards.has('model.safetensors')) return;
  const totalBytes = streams.reduce(
    (sum, { dtype, shape }) => sum + shape.reduce(product, bytesPerElement(dtype)),
    0,
  );
  const index = { metadata: { total_size: totalBytes }, weight_map: weightMap };
  await writeFileAtomically(
    join(directory, 'model.safetensors.index.json'),
    `${JSON.stringify(index, null, 2)}\n`,
  );
}

function product(a: number, b: number): number {
  return a * b;
}

/** What a checkpoint folder holds beside its weights and belongs to the merged model as well. */
const companions = /^(?!adapter_|.*\.index\.json$).*\.(json|jinja|txt|model)$|^(LICENSE|LICENCE|NOTICE)\b/i;

async function copyCompanions(
  source: string,
  directory: string,
  target: string,
  dtype: 'stored' | 'float32',
): Promise<void> {
  for (const entry of await readdir(source)) {
    if (!companions.test(entry)) continue;
    await writing(target, () => copyFile(join(source, entry), join(directory, entry)));
  }
  if (dtype === 'stored') return;
  // Readers round all weights to the type that the configuration names.
  const file = join(directory, 'config.json');
  const config: unknown = JSON.parse(await readFile(file, 'utf8'), (key, value: unknown) =>
    key === 'dtype' || key === 'torch_dtype' ? 'float32' : value,
  );
  await writeFileAtomically(file, `${JSON.stringify(config, null, 2)}\n`);
}

async function requireEmpty(directory: string): Promise<void> {
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw new MergeTargetError(directory, 'is a file; name a folder to make');
    throw new FileWriteError(directory, error);
  });
  if (entries.length > 0) {
    throw new MergeTargetError(
      directory,
      `holds ${entries.length} files; name a folder that is empty or not there`,
    );
  }
}

async function writing<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    throw new FileWriteError(path, cause);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
