import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultCacheDirectory, temporaryPath } from '@safetune/tensor';
import { ggufModel } from './gguf-model.ts';
import { modelPath } from './ollama.ts';
import { type WriteModelFolderOptions, writeModelFolder } from './write-model-folder.ts';

/**
 * Runs what needs a checkpoint folder in the Hugging Face layout: on the model's own folder or, for a GGUF file, on one that is
 * written into the cache for the time (`writeModelFolder`) and removed.
 *
 * @param model as `loadModel` takes it
 * @throws what `writeModelFolder` and `action` throw.
 *
 * @example
 * await withCheckpointFolder('model.gguf', (folder) => writeMergedCheckpoint(folder, adapter, 'merged'));
 */
export async function withCheckpointFolder<Result>(
  model: string,
  action: (folder: string) => Promise<Result>,
  { cacheDirectory = defaultCacheDirectory() }: WriteModelFolderOptions = {},
): Promise<Result> {
  const path = await modelPath(model);
  if ((await ggufModel(path)) === undefined) return action(path);
  await mkdir(cacheDirectory, { recursive: true, mode: 0o700 });
  const folder = temporaryPath(join(cacheDirectory, 'folder'));
  try {
    await writeModelFolder(path, folder, { cacheDirectory });
    return await action(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
