import { createHash } from 'node:crypto';
import { mkdir, readdir, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import {
  bytesPerElement,
  type Checkpoint,
  FileWriteError,
  openCheckpoint,
  readSmallFile,
  readSmallJson,
  removeAbandonedTemporaries,
  someNames,
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
  /** Tensors that are not in the checkpoint, for the last of its files. Default none. */
  added?(scratch: string): readonly TensorStream[];
  /** Fields of config.json that are to have other values. Default none. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Type that config.json is to name, to which readers round all weights. Default: the one it names. */
  readonly dtype?: CheckpointType;
  /** Put it in the place of a checkpoint that is there. Default false. */
  readonly replace?: boolean;
}

/** Types in which weights are stored. */
export type CheckpointType = 'float32' | 'float16' | 'bfloat16';

/**
 * Writes a checkpoint folder anew with some of its tensors replaced: the shards, the configuration, tokenizer, chat
 * template and licence as they were. What was written is read back and compared before the folder appears, whole or not
 * at all.
 *
 * @param target - folder to make; must not exist, or be empty, unless it is to be replaced.
 * @throws MergeTargetError when the target holds something (with `replace`: something that belongs to no checkpoint); UnsupportedDtypeError when a tensor is stored in a type that
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
  await requirePlace(target, rewrite.replace === true);
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
    const digests = new Map<string, string>();
    const added = rewrite.added?.(temporary) ?? [];
    await writeShards(
      checkpoint,
      streams.map((stream) => digested(stream, digests)),
      added.map((stream) => digested(stream, digests)),
      temporary,
    );
    await copyCompanions(checkpoint.path, temporary, target, rewrite);
    await requireAsWritten(temporary, target, digests);
    await writing(target, () => putInPlace(temporary, target));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function copied(region: TensorRegion): TensorStream {
  return { name: region.name, dtype: region.dtype, shape: region.shape, chunks: () => tensorChunks(region) };
}

/** Remembers what a stream's bytes were. */
function digested(stream: TensorStream, digests: Map<string, string>): TensorStream {
  return {
    ...stream,
    async *chunks() {
      const hash = createHash('sha256');
      for await (const chunk of stream.chunks()) {
        hash.update(chunk);
        yield chunk;
      }
      digests.set(stream.name, hash.digest('hex'));
    },
  };
}

/** A disk that is full or failing does not always say so. @throws FileWriteError */
async function requireAsWritten(
  directory: string,
  target: string,
  digests: ReadonlyMap<string, string>,
): Promise<void> {
  const { tensors } = await openCheckpoint(directory);
  for (const [name, digest] of digests) {
    const hash = createHash('sha256');
    const region = tensors.get(name);
    if (region !== undefined) for await (const chunk of tensorChunks(region)) hash.update(chunk);
    if (region !== undefined && hash.digest('hex') === digest) continue;
    throw new FileWriteError(
      target,
      new Error(`tensor '${name}' was read back otherwise than it was written`),
    );
  }
}

/** Renames a folder to its place. What stands there goes only when the new one can take its place. */
async function putInPlace(temporary: string, target: string): Promise<void> {
  const isEmpty = await rmdir(target).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return true;
      if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return false;
      throw error;
    },
  );
  if (isEmpty) return rename(temporary, target);
  const former = temporaryPath(resolve(target));
  await rename(target, former);
  await rename(temporary, target);
  await rm(former, { recursive: true });
}

/** The same files with the same tensors as the source has, and an index unless it is the one model.safetensors. */
async function writeShards(
  checkpoint: Checkpoint,
  streams: readonly TensorStream[],
  added: readonly TensorStream[],
  directory: string,
): Promise<void> {
  const shards = new Map<string, TensorStream[]>();
  const weightMap: Record<string, string> = {};
  for (const path of checkpoint.files) {
    // A region names the real file, the checkpoint what may be a link to it, as in the hub's cache.
    const file = await realpath(path);
    const own = streams.filter(({ name }) => checkpoint.tensors.get(name)?.file === file);
    const tensors = path === checkpoint.files.at(-1) ? [...own, ...added] : own;
    shards.set(basename(path), tensors);
    for (const { name } of tensors) weightMap[name] = basename(path);
  }
  for (const [shard, tensors] of shards) {
    await writeTensorStreams(join(directory, shard), tensors, { metadata: { format: 'pt' } });
  }
  if (shards.has('model.safetensors')) return;
  const totalBytes = [...streams, ...added].reduce(
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
  { dtype, config: changes = {} }: Pick<CheckpointRewrite, 'dtype' | 'config'>,
): Promise<void> {
  for (const entry of await readdir(source)) {
    if (!companions.test(entry)) continue;
    // Through the door for strangers' files: a link to a secret would be copied with all it holds.
    const content = await readSmallFile(join(source, entry), { maximumBytes: maximumCompanionBytes });
    await writing(target, () => writeFile(join(directory, entry), content));
  }
  if (dtype === undefined && Object.keys(changes).length === 0) return;
  // Readers round all weights to the type that the configuration names.
  const file = join(directory, 'config.json');
  const text = JSON.stringify(await readSmallJson(file));
  const isType = (key: string) => key === 'dtype' || key === 'torch_dtype';
  const config = JSON.parse(text, (key, value: unknown) =>
    dtype !== undefined && isType(key) ? dtype : value,
  ) as object;
  await writeFileAtomically(file, `${JSON.stringify({ ...config, ...changes }, null, 2)}\n`);
}

/** @throws MergeTargetError, FileWriteError */
async function requirePlace(directory: string, replace: boolean): Promise<void> {
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw new MergeTargetError(directory, 'is a file; name a folder to make');
    throw new FileWriteError(directory, error);
  });
  // A whole folder goes: nothing in it may be more than a checkpoint is made of.
  const foreign = entries.filter((name) => !checkpointFiles.test(name));
  if (replace && foreign.length > 0) {
    const named = someNames(foreign);
    throw new MergeTargetError(
      directory,
      `holds ${named}, which no checkpoint does; name another folder, or empty it`,
    );
  }
  if (!replace && entries.length > 0) {
    throw new MergeTargetError(
      directory,
      `holds ${entries.length} files; name a folder that is empty or not there`,
    );
  }
}

/** What this package writes, and what checkpoints on the hub have besides. */
const checkpointFiles =
  /^(?!adapter_).*\.(safetensors|json|jinja|txt|model|md)$|^(LICENSE|LICENCE|NOTICE)\b|^\.gitattributes$/i;

async function writing<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    throw new FileWriteError(path, cause);
  }
}
