import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LlamaCheckpoint, WeightTensor } from './initialize-checkpoint.ts';
import { tokenizerFiles } from './tokenizer-files.ts';

/** Writes tensors to a `.safetensors` file at exactly this path. */
export type WriteTensors = (path: string, weights: Readonly<Record<string, WeightTensor>>) => Promise<void>;

/**
 * Writes an ordinary checkpoint folder: `config.json`, `generation_config.json`, `tokenizer.json`,
 * `tokenizer_config.json` and `model.safetensors`. The weights are renamed into place last, so a folder that has
 * them is complete.
 *
 * @param writeTensors Writer of the weights; it is given a temporary path.
 */
export async function writeCheckpointFolder(
  directory: string,
  checkpoint: LlamaCheckpoint,
  writeTensors: WriteTensors,
): Promise<void> {
  const { config, weights } = checkpoint;
  const { bos_token_id, eos_token_id, pad_token_id } = config;
  const files = {
    'config.json': config,
    'generation_config.json': { bos_token_id, eos_token_id, pad_token_id, do_sample: true, temperature: 1 },
    ...tokenizerFiles(config.max_position_embeddings),
  };
  await mkdir(directory, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await replaceFile(join(directory, name), (path) =>
      writeFile(path, `${JSON.stringify(content, null, 2)}\n`),
    );
  }
  await replaceFile(join(directory, 'model.safetensors'), (path) => writeTensors(path, weights));
}

async function replaceFile(path: string, write: (temporaryPath: string) => Promise<void>): Promise<void> {
  const temporaryPath = `${path}.${process.pid}.tmp`;
  await write(temporaryPath);
  await rename(temporaryPath, path);
}
