import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AtomicFile, stageFile } from '../atomic-file.ts';
import { tensorBytes } from './format.ts';
import {
  type SafetensorsWriteOptions,
  stageTensorStreams,
  type TensorStream,
  tensorStream,
  type WritableTensor,
} from './write.ts';

/** Options of {@link writeShardedSafetensors}. */
export interface ShardedWriteOptions extends SafetensorsWriteOptions {
  /** Most bytes of tensor data in one file; a larger tensor gets a file of its own. Default 5 GB, as in transformers. */
  readonly maximumShardBytes?: number;
  /** Name before `.safetensors`. Default `model`. */
  readonly name?: string;
}

/**
 * Writes a checkpoint in the Hugging Face layout: one `model.safetensors` when everything fits into one shard, else
 * `model-00001-of-0000N.safetensors` and so on, and the index. Tensors fill the shards in the order given. No file appears
 * before all are written; files of an earlier checkpoint of the same name in the folder are removed once the new one is complete.
 *
 * @returns paths of the `.safetensors` files.
 * @throws SafetensorsWriteError, FileWriteError as {@link writeSafetensors}.
 */
export async function writeShardedSafetensors(
  directory: string,
  tensors: Readonly<Record<string, WritableTensor>>,
  { maximumShardBytes = 5e9, name = 'model', ...options }: ShardedWriteOptions = {},
): Promise<readonly string[]> {
  const streams = Object.entries(tensors).map(([key, tensor]) => tensorStream(directory, key, tensor));
  const shards = fillShards(streams, maximumShardBytes);
  const files = shards.map((_, position) =>
    shards.length === 1
      ? `${name}.safetensors`
      : `${name}-${counter(position + 1)}-of-${counter(shards.length)}.safetensors`,
  );
  const index = `${name}.safetensors.index.json`;
  const staged: AtomicFile[] = [];
  try {
    for (const [position, shard] of shards.entries()) {
      staged.push(await stageTensorStreams(join(directory, files[position]!), shard, options));
    }
    if (shards.length > 1) staged.push(await stageFile(join(directory, index), indexContent(shards, files)));
    for (const file of staged) await file.commit();
  } finally {
    for (const file of staged) await file.discard();
  }
  await removeEarlier(directory, name, new Set(shards.length > 1 ? [...files, index] : files));
  return files.map((file) => join(directory, file));
}

function indexContent(shards: readonly TensorStream[][], files: readonly string[]): string {
  const places = shards.flatMap((shard, position) =>
    shard.map(({ name }) => [name, files[position]!] as const),
  );
  const totalBytes = shards.flat().reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const content = { metadata: { total_size: totalBytes }, weight_map: Object.fromEntries(places.sort()) };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function fillShards(tensors: readonly TensorStream[], maximumBytes: number): TensorStream[][] {
  let current: TensorStream[] = [];
  const shards = [current];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = tensorBytes(tensor);
    if (current.length > 0 && bytes + size > maximumBytes) {
      current = [];
      shards.push(current);
      bytes = 0;
    }
    current.push(tensor);
    bytes += size;
  }
  return shards;
}

/** An earlier single file would be read instead of a new index, an earlier index would name shards that changed. */
async function removeEarlier(directory: string, name: string, written: ReadonlySet<string>): Promise<void> {
  for (const file of await readdir(directory)) {
    const rest = file.startsWith(name) ? file.slice(name.length) : '';
    const ours = /^(-\d{5}-of-\d{5})?\.safetensors$|^\.safetensors\.index\.json$/.test(rest);
    if (ours && !written.has(file)) await rm(join(directory, file));
  }
}

function counter(number: number): string {
  return String(number).padStart(5, '0');
}
