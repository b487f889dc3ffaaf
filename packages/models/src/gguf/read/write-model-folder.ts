import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  defaultCacheDirectory,
  FileWriteError,
  floatCache,
  type TensorRegion,
  type TensorStream,
  temporaryPath,
  tensorChunks,
  writeFileAtomically,
  writeTensorStreams,
} from '@safetune/tensor';
import { GgufError } from '../../errors.ts';
import { type GgufModel, ggufModel } from './gguf-model.ts';
import { modelPath } from './ollama.ts';

/** Options of {@link writeModelFolder}. */
export interface WriteModelFolderOptions {
  /** Where the weights are decoded, as `loadModel` does. Default `~/.cache/safetune`. */
  readonly cacheDirectory?: string;
}

/**
 * Writes a GGUF file's model as a Hugging Face checkpoint folder, for what wants one: merging an adapter into it, training
 * all weights, SafeLoRA, and other programs. The weights are float32, as the file's decode; configuration, tokenizer and chat
 * template are those that are read from its metadata. The folder appears whole or not at all.
 *
 * @param model a GGUF file, or `ollama:<name>`, as `loadModel` takes it
 * @param directory folder to make; must not exist, or be empty
 * @throws GgufError for a model that is no GGUF file, or one that cannot be read; FileWriteError.
 */
export async function writeModelFolder(
  model: string,
  directory: string,
  { cacheDirectory = defaultCacheDirectory() }: WriteModelFolderOptions = {},
): Promise<void> {
  const path = await modelPath(model);
  const gguf = await ggufModel(path);
  if (gguf === undefined)
    throw new GgufError('magic', path, undefined, 'is no GGUF file; a folder is one already');
  await requireEmpty(directory);
  const temporary = temporaryPath(resolve(directory));
  try {
    await writing(directory, () => mkdir(temporary, { recursive: true }));
    await writeCompanions(gguf, temporary);
    const regions = await floatCache([...(await gguf.weights()).values()], cacheDirectory);
    await writeTensorStreams(join(temporary, 'model.safetensors'), regions.map(copied), {
      metadata: { format: 'pt' },
    });
    await writing(directory, async () => {
      await rmdir(directory).catch(ignoreMissing);
      await rename(temporary, directory);
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function writeCompanions(gguf: GgufModel, directory: string): Promise<void> {
  const content = async (name: string) => (await gguf.json(name)) as Record<string, unknown>;
  const write = (name: string, value: unknown) =>
    writeFileAtomically(join(directory, name), `${JSON.stringify(value, null, 2)}\n`);
  await write('config.json', { ...(await content('config.json')), torch_dtype: 'float32' });
  await write('generation_config.json', await content('generation_config.json'));
  await write('tokenizer.json', await content('tokenizer.json'));
  const { chat_template: template, ...settings } = await content('tokenizer_config.json');
  if (typeof template === 'string') {
    await write('tokenizer_config.json', settings);
    await writeFileAtomically(join(directory, 'chat_template.jinja'), template);
  } else {
    await write('tokenizer_config.json', {
      ...settings,
      ...(template === undefined ? {} : { chat_template: template }),
    });
  }
}

function copied(region: TensorRegion): TensorStream {
  return { name: region.name, dtype: region.dtype, shape: region.shape, chunks: () => tensorChunks(region) };
}

async function requireEmpty(directory: string): Promise<void> {
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new FileWriteError(directory, error);
  });
  if (entries.length === 0) return;
  throw new FileWriteError(
    directory,
    new Error(`it holds ${entries.length} files; name a folder that is empty or not there`),
  );
}

async function writing(path: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (cause) {
    throw new FileWriteError(path, cause);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
