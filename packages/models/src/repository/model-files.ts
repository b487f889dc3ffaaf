import { join } from 'node:path';
import { isFilePath } from '@safetune/hub';
import { FileReadError, readSmallJson } from '@safetune/tensor';
import { z } from 'zod';

const weightsFile = 'model.safetensors';
export const weightsIndex = 'model.safetensors.index.json';

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * The files that hold the weights of a folder in which the index already is, where there is one: the single file wins, as
 * everywhere. Undefined when there is neither.
 *
 * @param has - whether the repository, or the folder, has a file
 * @throws FileReadError, or ZodError, for an index that is none.
 */
export async function weightFiles(
  folder: string,
  has: (path: string) => boolean | Promise<boolean>,
): Promise<string[] | undefined> {
  if (await has(weightsFile)) return [weightsFile];
  if (!(await has(weightsIndex))) return undefined;
  const content = await readSmallJson(join(folder, weightsIndex), { maximumBytes: 64e6 });
  const shards = [...new Set(Object.values(indexSchema.parse(content).weight_map))].sort();
  // Shards of the format lie beside their index.
  const strange = shards.find((shard) => shard.includes('/') || !isFilePath(shard));
  if (strange !== undefined) {
    throw new FileReadError(
      'outside',
      join(folder, weightsIndex),
      `names '${strange}', which is no file beside it`,
    );
  }
  return [weightsIndex, ...shards];
}
