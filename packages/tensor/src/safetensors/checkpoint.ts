import { lstat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FileReadError } from '../files/errors.ts';
import { folderMistake } from '../files/folder-kind.ts';
import { printable } from '../files/printable.ts';
import { readSmallJson } from '../files/read-small-file.ts';
import { CheckpointError, SafetensorsError } from './errors.ts';
import { openSafetensors, type TensorDirectory, type TensorRegion, type UnsupportedRegion } from './read.ts';

/** A checkpoint folder opened: the tensors of all its files, by name. */
export interface Checkpoint extends TensorDirectory {
  /** The `.safetensors` files it is made of. */
  readonly files: readonly string[];
}

/**
 * Opens a checkpoint folder in the Hugging Face layout: `model.safetensors`, or `model.safetensors.index.json` whose
 * `weight_map` places each tensor in a shard. The single file wins when both are there, as in transformers. Reads
 * headers only, of regular files inside the folder: links out of it are refused (see `openRegularFile`).
 *
 * @param options.name - name before `.safetensors`: `model` by default.
 * @throws CheckpointError when nothing is there, a shard is missing, a tensor is not in the shard the index names, or
 * is in two; SafetensorsError when a file violates the format.
 */
export async function openCheckpoint(directory: string, { name = 'model' } = {}): Promise<Checkpoint> {
  const single = join(directory, `${name}.safetensors`);
  if (await exists(single)) {
    const opened = await openSafetensors(single, { folder: directory });
    return { ...opened, path: directory, files: [single] };
  }

  const weightMap = await readIndex(directory, `${name}.safetensors.index.json`, basename(single));
  const shards = [...new Set(weightMap.values())].sort();
  const tensors = new Map<string, TensorRegion>();
  const unsupported = new Map<string, UnsupportedRegion>();
  const placed = new Map<string, string>();
  for (const shard of shards) {
    const opened = await openShard(directory, shard);
    for (const tensor of [...opened.tensors.keys(), ...opened.unsupported.keys()]) {
      const other = placed.get(tensor);
      if (other !== undefined) {
        const message = `tensor '${printable(tensor)}' is in two shards, ${other} and ${shard}; keep one`;
        throw new CheckpointError('duplicate-tensor', directory, message, {
          file: join(directory, shard),
          tensor,
        });
      }
      placed.set(tensor, shard);
    }
    if (placed.size > maximumTensors) {
      const message = `its shards hold more than ${maximumTensors} tensors`;
      throw new CheckpointError('too-many', directory, message, { file: join(directory, shard) });
    }
    for (const [tensor, region] of opened.tensors) tensors.set(tensor, region);
    for (const [tensor, region] of opened.unsupported) unsupported.set(tensor, region);
  }
  for (const [tensor, shard] of weightMap) {
    if (placed.get(tensor) === shard) continue;
    const message = `the index places tensor '${printable(tensor)}' in ${shard}, which does not hold it; fetch the checkpoint again`;
    throw new CheckpointError('missing-tensor', directory, message, { file: join(directory, shard), tensor });
  }
  return { path: directory, tensors, unsupported, files: shards.map((shard) => join(directory, shard)) };
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** The largest published checkpoints have 150,000 tensors, each of about 100 bytes in the index. */
const [maximumTensors, maximumIndexBytes] = [500_000, 64e6];

/** The index's map from tensor to shard, checked to name plain files of the folder only. */
async function readIndex(
  directory: string,
  index: string,
  single: string,
): Promise<ReadonlyMap<string, string>> {
  const file = join(directory, index);
  if (!(await exists(file))) {
    const mistake = await folderMistake(directory, 'weights');
    const message = `neither ${single} nor ${index} is there; a checkpoint in another format must be converted first`;
    throw new CheckpointError('missing', directory, mistake ?? message);
  }
  const parsed = await readSmallJson(file, { maximumBytes: maximumIndexBytes }).catch((cause: unknown) => {
    if (!FileReadError.isInstance(cause)) throw cause;
    throw new CheckpointError('index', directory, `${index} ${cause.reason}`, { file, cause });
  });
  const map: unknown = (parsed as { weight_map?: unknown } | null)?.weight_map;
  const places = typeof map === 'object' && map !== null && !Array.isArray(map) ? Object.entries(map) : [];
  if (places.length === 0) {
    throw new CheckpointError('index', directory, `${index} has no weight_map of tensors to files`, { file });
  }
  for (const [tensor, shard] of places) {
    if (typeof shard === 'string' && /^[^/\\]+\.safetensors$/.test(shard)) continue;
    const message = `${index} places tensor '${printable(tensor)}' in ${printable(JSON.stringify(shard))}, not a .safetensors file of this folder`;
    throw new CheckpointError('index', directory, message, { file, tensor });
  }
  return new Map(places);
}

async function openShard(directory: string, shard: string): Promise<TensorDirectory> {
  const file = join(directory, shard);
  try {
    return await openSafetensors(file, { folder: directory });
  } catch (cause) {
    if (!SafetensorsError.isInstance(cause) || cause.problem !== 'missing') throw cause;
    const message = `the index names ${shard}, which is not there; fetch the checkpoint again`;
    throw new CheckpointError('missing-shard', directory, message, { file, cause });
  }
}
