import { mkdir, readdir, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import {
  bytesPerElement,
  type Checkpoint,
  FileWriteError,
  readSmallFile,
  readSmallJson,
  removeAbandonedTemporaries,
  type TensorRegion,
  type TensorStream,
  temporaryPath,
  tensorChunks,
  UnsupportedDtypeError,
  writeFileAtomically,
  writeTensorStreams,
} from '@safetune/tensor';
import { MergeTargetError } from '../errors.ts';

/** What {@link rewriteCheckpoint} does with the tensors of a checkpoint. */
export interface CheckpointRewrite {
  /**
   * What takes a tensor's place: another of its name; 'copy': it stays as it is; 'omit': nothing.
   *
   * @param scratch - folder for temporary files of its own, removed at the end.
   */
  tensor(region: TensorRegion, scratch: string): TensorStream | 'copy' | 'omit';
  /** Type that config.json is to name, to which readers round all weights. Default: the one it names. */
  readonly dtype?: 'float32';
}

/**
 * Writes a checkpoint folder anew with some of its tensors replaced: the shards, the configuration, tokenizer, chat
 * template and licence as they were. The folder appears whole or not at all.
 *
 * @param target - folder to make; must not exist, or be empty.
 * @throws MergeTargetError when the target holds something; UnsupportedDtypeError when a tensor is stored in a type that
 * cannot be copied; SafetensorsError when the source is damaged; FileReadError when a file beside the weights is refused;
 * FileWriteError; what `rewrite.tensor` throws.
 */
export async function rewriteCheckpoint(
  checkpoint: Checkpoint,
  target: string,
  rewrite: CheckpointRewrite,
): Promise<void> {
  for (const { file, name, storedDtype } of checkpoint.unsupported.values()) {
    throw new UnsupportedDtypeError(file, name, storedDtype);
  }
  await requireEmpty(target);
  const temporary = temporaryPath(resolve(target));
  try {
    await writing(target, () => mkdir(temporary, { recursive: true }));
    // What cannot be deleted hinders nobody.
    await removeAbandonedTemporaries(dirname(temporary)).catch(() => {});
    const streams = [...checkpoint.tensors.values()].flatMap((region) => {
      const replacement = rewrite.tensor(region, temporary);
      if (replacement === 'omit') return [];
      return [replacement === 'copy' ? copied(region) : replacement];
    });
    await writeShards(checkpoint, streams, temporary);
    await copyCompanions(checkpoint.path, temporary, target, rewrite.dtype);
    await writing(target, async () => {
      await rmdir(target).catch(ignoreMissing);
      await rename(temporary, target);
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function copied(region: TensorRegion): TensorStream {
  return { name: region.name, dtype: region.dtype, shape: region.shape, chunks: () => tensorChunks(region) };
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

/** A tokenizer of 260,000 tokens takes 35 MB. */
const maximumCompanionBytes = 256e6;

/** What a checkpoint folder holds beside its weights and belongs to the new model as well. */
const companions = /^(?!adapter_|.*\.index\.json$).*\.(json|jinja|txt|model)$|^(LICENSE|LICENCE|NOTICE)\b/i;

async function copyCompanions(
  source: string,
  directory: string,
  target: string,
  dtype: 'float32' | undefined,
): Promise<void> {
  for (const entry of await readdir(source)) {
    if (!companions.test(entry)) continue;
    // Through the door for strangers' files: a link to a secret would be copied with all it holds.
    const content = await readSmallFile(join(source, entry), { maximumBytes: maximumCompanionBytes });
    await writing(target, () => writeFile(join(directory, entry), content));
  }
  if (dtype === undefined) return;
  // Readers round all weights to the type that the configuration names.
  const file = join(directory, 'config.json');
  const text = JSON.stringify(await readSmallJson(file));
  const config: unknown = JSON.parse(text, (key, value: unknown) =>
    key === 'dtype' || key === 'torch_dtype' ? dtype : value,
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
