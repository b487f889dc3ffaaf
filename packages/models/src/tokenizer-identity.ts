import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileDigest } from '@safetune/tensor';
import { ggufModel } from './gguf/read/gguf-model.ts';

/** Files of a model folder that decide how texts become tokens, and conversations texts; so do its chat templates and config. */
export const tokenizerFiles: readonly string[] = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  // For the tokens that end a turn.
  'generation_config.json',
];
const files = [...tokenizerFiles, 'config.json'];
const folderOfTemplates = 'additional_chat_templates';

/**
 * SHA-256 of each file that is there, or that a GGUF file's metadata stands for, by its name, and of the options that a tokenizer was loaded with. Functions among
 * these, such as the clock, do not count.
 *
 * @throws FileReadError of the tensor package for a link that leads out of the folder, or something that is no file.
 */
export async function tokenizerIdentity(
  directory: string,
  options: object,
): Promise<Readonly<Record<string, string>>> {
  const gguf = await ggufModel(directory);
  const templates = await readdir(join(directory, folderOfTemplates)).catch(() => []);
  const names = [...files, ...templates.sort().map((name) => join(folderOfTemplates, name))];
  const digestOf = (name: string) =>
    gguf === undefined ? fileDigest(join(directory, name), { folder: directory }) : gguf.digest(name);
  const digests = await Promise.all(names.map(async (name) => [name, await digestOf(name)] as const));
  return {
    ...Object.fromEntries(digests.filter((entry): entry is [string, string] => entry[1] !== undefined)),
    options: createHash('sha256').update(JSON.stringify(options)).digest('hex'),
  };
}
