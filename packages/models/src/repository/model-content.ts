import {
  type CachedFiles,
  describeRepository,
  HubError,
  type HubName,
  type HubSnapshot,
  type RepositoryContent,
} from '@safetune/hub';
import { FileReadError } from '@safetune/tensor';
import { ZodError } from 'zod';
import { partsOfFile } from '../gguf/read/part-names.ts';
import { readModelConfig } from '../read-config.ts';
import { tokenizerFiles } from '../tokenizer-identity.ts';
import { weightFiles, weightsIndex } from './model-files.ts';
import { otherContent } from './other-content.ts';

/** A model: config, tokenizer, chat templates and weights in safetensors; or, where it is named, one GGUF file. */
export const modelContent: RepositoryContent = {
  type: 'model',
  noun: 'model',
  signs: ['config.json', 'adapter_config.json', 'snapshots'],
  stateOf: async (files, { file }) => (file === undefined ? stateOfFolder(files) : stateOfFile(files, file)),
  fetch: async (snapshot, name) =>
    name.file === undefined ? fetchFolder(snapshot, name) : fetchFile(snapshot, name, name.file),
  describe({ file }) {
    if (file === undefined) {
      return {
        words: `config.json, ${tokenizerFiles.join(', ')} (as far as they are there) and model.safetensors, or the shards of its index,`,
        include: ' --include "*.json" "*.jinja" "model*.safetensors"',
      };
    }
    const parts = partsOfFile(file);
    const words = parts.length === 1 ? file : `${parts[0]} to ${parts.at(-1)}`;
    return { words, include: ` ${parts.join(' ')}` };
  },
};

async function stateOfFile({ has }: CachedFiles, file: string) {
  for (const path of partsOfFile(file)) if (!(await has(path))) return 'none';
  return 'whole';
}

async function stateOfFolder({ folder, has, lacks }: CachedFiles) {
  const weights = await weightFiles(folder, has).catch(() => undefined);
  if (weights === undefined) return 'none';
  for (const path of ['config.json', ...weights]) if (!(await has(path))) return 'none';
  for (const path of tokenizerFiles) if (!(await has(path)) && !(await lacks(path))) return 'usable';
  return 'whole';
}

async function fetchFile(snapshot: HubSnapshot, name: HubName, file: string): Promise<void> {
  const { files } = snapshot;
  if (files.has(file)) return snapshot.download(partsOfFile(file));
  const end = file.slice(file.lastIndexOf('.'));
  const others = [...files.keys()].filter((path) => path.endsWith(end));
  const instead = others.length === 0 ? `it has no ${end} file` : `it has ${others.slice(0, 20).join(', ')}`;
  throw new HubError('file', describeRepository(name), `has no file '${file}'; ${instead}`);
}

async function fetchFolder(snapshot: HubSnapshot, name: HubName): Promise<void> {
  const { files } = snapshot;
  const lacking = (path: string) => otherContent(snapshot, name, [path], instead(snapshot, name));
  if (!files.has('config.json')) throw lacking('config.json');
  const templates = [...files.keys()].filter((path) =>
    /^additional_chat_templates\/[^/]+\.jinja$/.test(path),
  );
  const index = files.has(weightsIndex) ? [weightsIndex] : [];
  await snapshot.download(['config.json', ...index, ...templates], tokenizerFiles);
  // Before gigabytes come for nothing.
  await readModelConfig(snapshot.folder);
  const weights = await weightFiles(snapshot.folder, (path) => files.has(path)).catch((cause: unknown) => {
    if (!(cause instanceof ZodError) && !FileReadError.isInstance(cause)) throw cause;
    const message = `its ${weightsIndex} is not what it should be (${cause.message})`;
    throw new HubError('file', describeRepository(name), message, { cause });
  });
  if (weights === undefined) throw lacking('model.safetensors');
  await snapshot.download(weights);
}

/** What a repository is that is no model in safetensors. */
function instead({ files }: HubSnapshot, name: HubName): string | undefined {
  if (files.has('adapter_config.json')) {
    return 'It is an adapter: give its base model as the model, and this as the adapter';
  }
  const gguf = [...files.keys()].filter((path) => path.endsWith('.gguf'));
  if (gguf.length === 0) return undefined;
  const names = gguf.slice(0, 20).map((path) => `${name.name}:${path}`);
  return `Name one of its GGUF files: ${names.join(', ')}`;
}
